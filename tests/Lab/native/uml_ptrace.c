/*
 * Preloaded into user-mode Linux 6.1. Its buffer for a process's extended state (XSAVE) is of a fixed size, and the host
 * refuses with EFAULT to set less than the whole of its own, which is larger where the CPU has AMX: the guest then dies
 * with "ptrace set fp regs failed". Here the part that the guest does not know is filled with what the process has.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define STATE_BYTES_MAX 65536

static long set_extended_state(pid_t pid, const struct iovec *given)
{
    static _Thread_local char state[STATE_BYTES_MAX];
    struct iovec whole = { state, sizeof state };
    long result = syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole);

    if (result < 0 || whole.iov_len <= given->iov_len)
        return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, given);
    memcpy(state, given->iov_base, given->iov_len);
    return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list list;
    long peeked, result;

    va_start(list, request);
    pid_t pid = va_arg(list, pid_t);
    void *address = va_arg(list, void *), *data = va_arg(list, void *);
    va_end(list);
    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
        return set_extended_state(pid, data);
    if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
        return syscall(SYS_ptrace, request, pid, address, data);
    /* The system call writes what it has read; the C library's function returns it. */
    result = syscall(SYS_ptrace, request, pid, address, &peeked);
    if (result < 0)
        return result;
    errno = 0;
    return peeked;
}
