/* Compiler attributes and the cleanup habit. Nothing here knows about mail. */
#ifndef HAUL_BASE_ATTR_H
#define HAUL_BASE_ATTR_H

#define HAUL_MUST_USE          __attribute__((warn_unused_result))
#define HAUL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HAUL_NORETURN          __attribute__((noreturn))
#define HAUL_UNUSED            __attribute__((unused))

/* An owning local: `haul_auto(haul_tree) *t = NULL;` calls haul_tree_autofree(&t) when t leaves its
 * scope. HAUL_DEFINE_AUTO(T, fn) defines that function in the header of T; fn accepts NULL. */
#define haul_auto(T) __attribute__((cleanup(T##_autofree))) T
#define HAUL_DEFINE_AUTO(T, fn)                                                                              \
    HAUL_UNUSED static inline void T##_autofree(T **p)                                                       \
    {                                                                                                        \
        fn(*p);                                                                                              \
        *p = NULL;                                                                                           \
    }

/* An owning file descriptor: `haul_auto_fd int fd = open(…)`; negative means none. */
#define haul_auto_fd __attribute__((cleanup(haul_fd_autoclose)))
void haul_fd_autoclose(int *fd);

#define HAUL_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
