namespace Forwarder.Vrrp;

/// <summary>An effect of one member of a sync group.</summary>
public readonly record struct VrrpMemberEffect(int Member, VrrpEffect Effect);
