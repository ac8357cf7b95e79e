namespace Forwarder.Vrrp;

/// <summary>An effect with what it carries.</summary>
public readonly record struct VrrpEffect
{
    public static readonly VrrpEffect EndLease = new() { Kind = VrrpEffectKind.EndLease };
    public static readonly VrrpEffect HandoverFailed = new() { Kind = VrrpEffectKind.HandoverFailed };

    public VrrpEffectKind Kind { get; init; }

    public VrrpVersion Version { get; init; }

    public byte Priority { get; init; }

    public int Count { get; init; }

    public long UntilNs { get; init; }

    public VrrpReason Reason { get; init; }

    public static VrrpEffect SendAdvertisement(VrrpVersion version, byte priority) =>
        new() { Kind = VrrpEffectKind.SendAdvertisement, Version = version, Priority = priority };

    public static VrrpEffect RenewLease(long untilNs) => new() { Kind = VrrpEffectKind.RenewLease, UntilNs = untilNs };

    public static VrrpEffect Become(VrrpState state, VrrpReason reason) => new()
    {
        Kind = state switch
        {
            VrrpState.Active => VrrpEffectKind.BecomeActive,
            VrrpState.Backup => VrrpEffectKind.BecomeBackup,
            _ => VrrpEffectKind.BecomeInitialize,
        },
        Reason = reason,
    };

    public static VrrpEffect Announce(bool isIPv6, int count) => new()
    {
        Kind = isIPv6 ? VrrpEffectKind.SendUnsolicitedNeighbourAdvertisement : VrrpEffectKind.SendGratuitousArp,
        Count = count,
    };
}
