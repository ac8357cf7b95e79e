namespace Forwarder.Abi;

/// <summary>How a port is made to receive frames for other addresses than its own. Values are part of the region's layout.</summary>
public enum PortFilterMode : uint
{
    /// <summary>Not set yet.</summary>
    None = 0,
    /// <summary>The port filters for the addresses.</summary>
    Filter = 1,
    /// <summary>The port takes all multicast.</summary>
    AllMulticast = 2,
    /// <summary>The port takes all frames.</summary>
    Promiscuous = 3,
    /// <summary>The port has no filter and nothing to switch off: a virtual one takes what comes.</summary>
    Unfiltered = 4,
    /// <summary>The port refused every way.</summary>
    Failed = 5,
}
