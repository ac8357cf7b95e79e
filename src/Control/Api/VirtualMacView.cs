namespace Forwarder.Api;

/// <summary>A virtual router MAC address on a port.</summary>
public sealed record VirtualMacView
{
    /// <summary>MAC address.</summary>
    public required string Mac { get; init; }

    /// <summary>How frames to it are received: filter, promiscuous, unfiltered or failed.</summary>
    public required string By { get; init; }
}
