namespace Forwarder.Api;

/// <summary>How flows begin and end: of all virtual services, or of one, where null means as for all.</summary>
public sealed record FlowSettings
{
    /// <summary>Whether any TCP packet opens a flow (true, the default) or a SYN alone (false). IPVS's sloppy_tcp.</summary>
    public bool? SloppyTcp { get; set; }

    /// <summary>These settings, with what is null taken from others.</summary>
    public FlowSettings Over(FlowSettings? others) => others == null ? this : new FlowSettings
    {
        SloppyTcp = SloppyTcp ?? others.SloppyTcp,
    };
}
