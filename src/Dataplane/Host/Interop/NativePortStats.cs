using System.Runtime.InteropServices;

namespace Forwarder.Dataplane;

/// <summary>struct fwd_port_stats of the shim.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativePortStats
{
    public ulong RxPackets, TxPackets, RxBytes, TxBytes, RxMissed, RxErrors, TxErrors, RxNoMbuf;
}
