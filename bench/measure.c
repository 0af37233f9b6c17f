/* measure COMMAND...: run it; one line on descriptor 3: exit status, seconds of user, system and wall time, peak
 * resident kilobytes of the largest process. A program of its own because Linux counts in a child's peak the memory
 * of whoever started it, and Python is larger than what is measured here. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct rusage used;
    int status = 0;
    double start = now();
    pid_t child = argc > 1 ? fork() : -1;
    if (child == 0) {
        close(3);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return 2;
    double wall = now() - start;
    dprintf(3, "%d %f %f %f %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            seconds(used.ru_utime), seconds(used.ru_stime), wall, used.ru_maxrss);
    return 0;
}
