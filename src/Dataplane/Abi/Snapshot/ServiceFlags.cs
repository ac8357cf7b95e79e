namespace Forwarder.Abi;

/// <summary>Rules of a virtual service's flows.</summary>
[Flags]
public enum ServiceFlags : byte
{
    /// <summary>None of them.</summary>
    None = 0,
    /// <summary>Only a SYN opens a TCP flow (IPVS: sloppy_tcp=0); else any packet does.</summary>
    SynOnly = 1,
    /// <summary>A flow whose server was removed is kept, and its packets are dropped, until its time-out (IPVS: expire_nodest_conn=0); else it ends at once.</summary>
    KeepNoDestination = 2,
    /// <summary>Who opens a flow while the service has no server is told: TCP reset, ICMP port unreachable.</summary>
    RejectNoServer = 4,
    /// <summary>All that there are.</summary>
    All = SynOnly | KeepNoDestination | RejectNoServer,
}
