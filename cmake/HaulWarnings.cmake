# The warnings of the house style, as a target that every other one links.
add_library(haul_warnings INTERFACE)
target_compile_options(haul_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wformat=2 -Wvla -Wundef -Wcast-qual -Wwrite-strings
    $<$<BOOL:${MAILHAUL_WERROR}>:-Werror>)
