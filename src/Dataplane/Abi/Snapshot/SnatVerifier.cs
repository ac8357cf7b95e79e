namespace Forwarder.Abi;

/// <summary>The part of <see cref="SnapshotVerifier"/> that is about SNAT.</summary>
internal static unsafe class SnatVerifier
{
    /// <summary>Rules name prefixes, interfaces and servers that are there; each server of SNAT names its rule, and its pool is of its family.</summary>
    public static SnapshotFault Verify(in SnapshotView view, out uint index)
    {
        index = 0;
        uint prefixes = view.Header->Sections[(int)SectionId.SnatPrefixes].Count;
        if (view.SnatRuleCount > Limits.SnatRulesMax || prefixes > Limits.SnatPrefixesMax)
        {
            return SnapshotFault.Size;
        }

        for (int i = 0; i < view.SnatRuleCount; i++)
        {
            index = (uint)i;
            SnatRuleEntry rule = view.SnatRules[i];
            bool inside = AreThere(rule.SourcesFirst, rule.SourcesCount, prefixes) && AreThere(rule.DestinationsFirst, rule.DestinationsCount, prefixes) && AreThere(rule.ExceptFirst, rule.ExceptCount, prefixes);
            if (!inside || (rule.Interface != SnatRuleEntry.AnyInterface && rule.Interface >= view.InterfaceCount)
                || rule.Server >= (uint)view.ServerCount || !IsServerOf(view, view.Servers[rule.Server], (uint)i, rule.IpVersion))
            {
                return SnapshotFault.SnatRule;
            }
        }

        for (int i = 0; i < view.ServerCount; i++)
        {
            index = (uint)i;
            ServerEntry server = view.Servers[i];
            if (server.Valid != 0 && server.Method == ForwardingMethod.SourceNat && (server.SnatRule >= view.SnatRuleCount || view.SnatRules[server.SnatRule].Server != i))
            {
                return SnapshotFault.SnatRule;
            }
        }

        return SnapshotFault.None;
    }

    private static bool AreThere(uint first, uint count, uint prefixes) => (ulong)first + count <= prefixes;

    /// <summary>Services, targets and sources have been found good before; that its pool is of one family, too.</summary>
    private static bool IsServerOf(in SnapshotView view, in ServerEntry server, uint rule, byte ipVersion)
    {
        if (server.Valid == 0 || server.Method != ForwardingMethod.SourceNat || server.SnatRule != rule)
        {
            return false;
        }

        ServiceEntry service = view.Services[server.Service];
        return ipVersion is 4 or 6 && service.IpVersion == ipVersion && service.Protocol == 0
            && service.PoolCount != 0 && view.Sources[view.PoolMembers[service.PoolFirst]].IpVersion == ipVersion;
    }
}
