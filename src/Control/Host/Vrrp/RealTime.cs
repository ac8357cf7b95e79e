using System.Runtime.InteropServices;

namespace Forwarder.Control;

/// <summary>Real-time priority for the calling thread (sched(7)): it runs before all that others ask of its CPU, so it keeps off the workers' ones.</summary>
public static class RealTime
{
    private const int OfThisThread = 0, Fifo = 1, ResetOnFork = 0x4000_0000;   // SCHED_FIFO, SCHED_RESET_ON_FORK: threads and programs that it starts are ordinary
    private const int Priority = 1;
    private const int CpuSetBytes = 128;   // cpu_set_t: a bit for each of 1,024 CPUs

    /// <summary>Asks for it. Returns "" or why it was refused: CAP_SYS_NICE or RLIMIT_RTPRIO is missing, or the control group has no real-time budget.</summary>
    public static string Enter() => SetScheduler(OfThisThread, Fifo | ResetOnFork, Priority) == 0 ? "" : Marshal.GetLastPInvokeErrorMessage();

    /// <summary>Leaves these CPUs to others, if there is one beside them.</summary>
    public static void KeepOff(IEnumerable<int> cpus)
    {
        byte[] allowed = new byte[CpuSetBytes];
        if (GetAffinity(OfThisThread, CpuSetBytes, allowed) < 0)
        {
            return;
        }

        foreach (int cpu in cpus.Where(c => c < CpuSetBytes * 8))
        {
            allowed[cpu / 8] &= (byte)~(1 << (cpu % 8));
        }

        if (allowed.Any(b => b != 0))
        {
            _ = SetAffinity(OfThisThread, CpuSetBytes, allowed);
        }
    }

    [DllImport("libc", EntryPoint = "sched_getaffinity")]
    private static extern int GetAffinity(int thread, nint bytes, [Out] byte[] mask);

    [DllImport("libc", EntryPoint = "sched_setaffinity")]
    private static extern int SetAffinity(int thread, nint bytes, [In] byte[] mask);

    /// <summary>struct sched_param is one int.</summary>
    [DllImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    private static extern int SetScheduler(int thread, int policy, in int priority);
}
