namespace Forwarder.Fuzz.Tests;

/// <summary>What a frame is, by its headers.</summary>
public enum FrameKind
{
    /// <summary>Settled by the headers alone: <see cref="Reading.Fate"/>.</summary>
    Settled,
    /// <summary>From a client to a service.</summary>
    Request,
    /// <summary>From the address and port of a server behind NAT.</summary>
    Reply,
    /// <summary>An ICMP error to a VIP about what its service has sent.</summary>
    ErrorToServer,
    /// <summary>An ICMP error to a client about what a server behind NAT was sent.</summary>
    ErrorToClient,
    /// <summary>A fragment of TCP, UDP or SCTP that is not the first: it goes where that went.</summary>
    LaterFragment,
}
