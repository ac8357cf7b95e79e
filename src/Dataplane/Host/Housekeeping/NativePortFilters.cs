using System.Text;

namespace Forwarder.Dataplane;

/// <summary>The filters of DPDK's ports. Allocates only when made.</summary>
public sealed unsafe class NativePortFilters(Native native, DataplanePort[] ports, string?[] exceptionPorts) : IPortFilters
{
    private readonly byte[][] _exceptionPorts = [.. exceptionPorts.Select(e => Encoding.UTF8.GetBytes((e ?? "") + "\0"))];

    /// <inheritdoc/>
    public int SetMulticast(int port, byte* macs, int count) => native.PortSetMulticast(ports[port].Number, macs, (uint)count);

    /// <inheritdoc/>
    public int SetAllMulticast(int port, bool on) => native.PortSetAllMulticast(ports[port].Number, on ? 1 : 0);

    /// <inheritdoc/>
    public int SetPromiscuous(int port, bool on) => native.PortSetPromiscuous(ports[port].Number, on ? 1 : 0);

    /// <inheritdoc/>
    public int AddMac(int port, ulong mac) => native.PortMacAdd(ports[port].Number, (byte*)&mac);

    /// <inheritdoc/>
    public int RemoveMac(int port, ulong mac) => native.PortMacRemove(ports[port].Number, (byte*)&mac);

    /// <inheritdoc/>
    public int HostMulticast(int port, byte* macs, int capacity)
    {
        if (ports[port].Tap < 0)
        {
            return 0;
        }

        fixed (byte* name = _exceptionPorts[port])
        {
            return native.TapMulticast(name, macs, (uint)capacity);
        }
    }
}
