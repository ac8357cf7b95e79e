using System.Runtime.InteropServices;

namespace Forwarder.Dataplane;

/// <summary>struct fwd_layout of the shim.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeLayout
{
    public uint AbiVersion, LayoutBytes, MbufBytes, MbufBufferAddress, MbufDataOffset, MbufSegmentCount, MbufFlags, MbufPacketLength, MbufDataLength, Headroom;
    public ulong RxIpChecksumMask, RxIpChecksumBad;
    public uint PortConfigBytes, PortInfoBytes, PortStatsBytes, Reserved;
}
