using System.Runtime.InteropServices;

namespace Forwarder.Control;

/// <summary>Real-time priority for the calling thread (sched(7)): it runs before all that others ask of its CPU.</summary>
public static class RealTime
{
    private const int OfThisThread = 0, Fifo = 1, ResetOnFork = 0x4000_0000;   // SCHED_FIFO, SCHED_RESET_ON_FORK: threads and programs that it starts are ordinary
    private const int Priority = 1;

    /// <summary>Asks for it. Returns "" or why it was refused: CAP_SYS_NICE or RLIMIT_RTPRIO is missing, or the control group has no real-time budget.</summary>
    public static string Enter() => SetScheduler(OfThisThread, Fifo | ResetOnFork, Priority) == 0 ? "" : Marshal.GetLastPInvokeErrorMessage();

    /// <summary>struct sched_param is one int.</summary>
    [DllImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    private static extern int SetScheduler(int thread, int policy, in int priority);
}
