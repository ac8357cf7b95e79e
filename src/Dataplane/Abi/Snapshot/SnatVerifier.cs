namespace Forwarder.Abi;

/// <summary>The part of <see cref="SnapshotVerifier"/> that is about SNAT.</summary>
internal static unsafe class SnatVerifier
{
    /// <summary>Rules name interfaces and servers that are there, ranges name rules; each server of SNAT names its rule, and its pool is of its family.</summary>
    public static SnapshotFault Verify(in SnapshotView view, out uint index)
    {
        index = 0;
        if (view.SnatRuleCount > Limits.SnatRulesMax)
        {
            return SnapshotFault.Size;
        }

        for (int i = 0; i < view.SnatRuleCount; i++)
        {
            index = (uint)i;
            SnatRuleEntry rule = view.SnatRules[i];
            if ((rule.Interface != SnatRuleEntry.AnyInterface && rule.Interface >= view.InterfaceCount)
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

        return VerifyRanges(view, out index);
    }

    private static SnapshotFault VerifyRanges(in SnapshotView view, out uint index)
    {
        SnatSetEntry rules4 = RulesOf(view, 4), rules6 = RulesOf(view, 6);
        return AreGood(view, view.SnatSources4, rules4, out index) && AreGood(view, view.SnatDestinations4, rules4, out index)
            && AreGood(view, view.SnatSources6, rules6, out index) && AreGood(view, view.SnatDestinations6, rules6, out index) ? SnapshotFault.None : SnapshotFault.SnatRange;
    }

    private static SnatSetEntry RulesOf(in SnapshotView view, byte ipVersion)
    {
        SnatSetEntry rules = default;
        for (int rule = 0; rule < view.SnatRuleCount; rule++)
        {
            rules.Put(rule, view.SnatRules[rule].IpVersion == ipVersion);
        }

        return rules;
    }

    /// <summary>What a search counts on: a first entry with address 0, each above the one before, with a set that is there and has rules of the family alone.</summary>
    private static bool AreGood(in SnapshotView view, in SnatRanges ranges, in SnatSetEntry rules, out uint index)
    {
        uint sets = view.Header->Sections[(int)SectionId.SnatSets].Count;
        for (index = 0; index < ranges.Count; index++)
        {
            SnatRangeEntry entry = ranges[(int)index];
            bool inOrder = index == 0 ? (entry.High | entry.Low) == 0 : IsAbove(entry, ranges[(int)index - 1]);
            if (!inOrder || entry.Set >= sets || !IsPartOf(view.SnatSets[entry.Set], rules))
            {
                return false;
            }
        }

        return view.SnatRuleCount == 0 || ranges.Count != 0;
    }

    private static bool IsAbove(in SnatRangeEntry entry, in SnatRangeEntry before) => entry.High > before.High || (entry.High == before.High && entry.Low > before.Low);

    private static bool IsPartOf(in SnatSetEntry set, in SnatSetEntry rules)
    {
        ulong others = 0;
        for (int word = 0; word < SnatSetEntry.Words; word++)
        {
            others |= set.Bits[word] & ~rules.Bits[word];
        }

        return others == 0;
    }

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
