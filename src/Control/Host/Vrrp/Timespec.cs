using System.Runtime.InteropServices;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>struct timespec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Timespec(long ns)
{
    private readonly nint _seconds = (nint)(ns / VrrpLimits.NanosecondsPerSecond), _nanoseconds = (nint)(ns % VrrpLimits.NanosecondsPerSecond);

    /// <summary>All of it.</summary>
    public long Ns => (_seconds * VrrpLimits.NanosecondsPerSecond) + _nanoseconds;
}
