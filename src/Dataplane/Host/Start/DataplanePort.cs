namespace Forwarder.Dataplane;

/// <summary>A started port.</summary>
/// <param name="Number">DPDK's number.</param>
/// <param name="Mac">MAC address, first byte lowest.</param>
/// <param name="Tap">File descriptor of the exception port, or -1.</param>
public readonly record struct DataplanePort(ushort Number, ulong Mac, int Tap);
