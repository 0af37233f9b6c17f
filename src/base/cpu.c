#include "base/cpu.h"

bool haul_cpu_plain;
