namespace Forwarder.Vrrp;

/// <summary>What a configuration must obey. Every broken rule is reported, not only the first.</summary>
internal static class VrrpConfigRules
{
    public static List<VrrpConfigProblem> Check(VrrpConfig config, int mtuBytes)
    {
        var problems = new List<VrrpConfigProblem>();
        CheckRange(problems, "vrid", config.Vrid, VrrpLimits.VridMin, VrrpLimits.VridMax);
        CheckRange(problems, "priority", config.Priority, VrrpLimits.PriorityMin, VrrpLimits.PriorityOwner);
        CheckRange(problems, "preemptDelayMs", config.PreemptDelayMs, 0, VrrpLimits.DelayMaxMs);
        CheckRange(problems, "startDelayMs", config.StartDelayMs, 0, VrrpLimits.DelayMaxMs);
        CheckRange(problems, "announce.count", config.Announce.Count, 1, VrrpLimits.AnnounceCountMax);
        CheckRange(problems, "announce.repeatDelayMs", config.Announce.RepeatDelayMs, 0, VrrpLimits.DelayMaxMs);
        CheckRange(problems, "announce.refreshMs", config.Announce.RefreshMs, 0, VrrpLimits.DelayMaxMs);
        CheckRange(problems, "announce.refreshCount", config.Announce.RefreshCount, 1, VrrpLimits.AnnounceCountMax);
        CheckVersion(problems, config);
        CheckAddresses(problems, config, mtuBytes);
        CheckPeers(problems, config);
        CheckAuthentication(problems, config);
        return problems;
    }

    private static void CheckVersion(List<VrrpConfigProblem> problems, VrrpConfig config)
    {
        bool foreignForm = config.ChecksumForm == VrrpChecksumForm.MessageOnly && (config.IsIPv6 || config.Version != VrrpVersion.V3);
        Refuse(problems, foreignForm, "checksumForm", config.IsIPv6 ? "over IPv6 the checksum always has the pseudo-header (RFC 9568 section 5.2.8)" : "only version 3 has a pseudo-header to leave out");
        if (config.Version == VrrpVersion.V3)
        {
            CheckRange(problems, "intervalCs", config.IntervalCs, 1, VrrpLimits.IntervalMaxCs);
            Refuse(problems, config.AlsoVersion2 && config.IsIPv6, "alsoVersion2", "version 2 has no IPv6");
            return;
        }

        CheckRange(problems, "intervalCs", config.IntervalCs, VrrpLimits.CentisecondsPerSecond, VrrpLimits.IntervalMaxV2Cs);
        Refuse(
            problems,
            config.IntervalCs % VrrpLimits.CentisecondsPerSecond != 0,
            "intervalCs",
            $"{config.IntervalCs} is not a whole number of seconds; version 2 has no fractions, use version 3");
        Refuse(problems, config.Version != VrrpVersion.V2, "version", $"{(int)config.Version} is not 2 or 3");
        Refuse(problems, config.IsIPv6, "version", "version 2 has no IPv6, use version 3");
        Refuse(problems, config.AlsoVersion2, "alsoVersion2", "only for an instance of version 3");
    }

    private static void CheckAddresses(List<VrrpConfigProblem> problems, VrrpConfig config, int mtuBytes)
    {
        int count = config.Addresses.Count;
        CheckRange(problems, "addresses", count, 1, VrrpLimits.AddressesMax);
        var seen = new HashSet<VrrpAddress>();
        for (int i = 0; i < count; i++)
        {
            VrrpAddress address = config.Addresses[i];
            Refuse(problems, address.IsIPv6 != config.IsIPv6, $"addresses[{i}]", $"{address} is not of the family of primaryAddress {config.PrimaryAddress}");
            Refuse(problems, !seen.Add(address), $"addresses[{i}]", $"{address} is given twice");
        }

        int packetBytes = VrrpIpPacket.PacketBytes(config.Version, count, config.IsIPv6);
        Refuse(
            problems,
            packetBytes > mtuBytes,
            "addresses",
            $"{count} addresses need a packet of {packetBytes} bytes, the MTU is {mtuBytes}; a list must not be split over advertisements, use another VRID for the rest");
    }

    private static void CheckPeers(List<VrrpConfigProblem> problems, VrrpConfig config)
    {
        CheckRange(problems, "unicastPeers", config.UnicastPeers.Count, 0, VrrpLimits.UnicastPeersMax);
        for (int i = 0; i < config.UnicastPeers.Count; i++)
        {
            VrrpAddress peer = config.UnicastPeers[i];
            Refuse(problems, peer.IsIPv6 != config.IsIPv6, $"unicastPeers[{i}]", $"{peer} is not of the family of primaryAddress {config.PrimaryAddress}");
            Refuse(problems, peer == config.PrimaryAddress, $"unicastPeers[{i}]", $"{peer} is our own primaryAddress");
        }
    }

    private static void CheckAuthentication(List<VrrpConfigProblem> problems, VrrpConfig config)
    {
        switch (config.AuthType)
        {
            case VrrpAuthType.None:
                Refuse(problems, config.AuthData.Length != 0, "authData", "given without an authType; allowed with simpleText");
                break;
            case VrrpAuthType.SimpleText:
                bool speaksV2 = config.Version == VrrpVersion.V2 || config.AlsoVersion2;
                Refuse(problems, !speaksV2, "authType", "version 3 has no authentication (RFC 9568 section 9)");
                Refuse(problems, config.AuthData.Length is < 1 or > VrrpLimits.AuthBytes, "authData", $"{config.AuthData.Length} bytes; allowed: 1 to {VrrpLimits.AuthBytes} bytes");
                break;
            default:
                Refuse(problems, true, "authType", $"{config.AuthType} is not supported; allowed: none, simpleText");
                break;
        }
    }

    private static void CheckRange(List<VrrpConfigProblem> problems, string field, int value, int min, int max) =>
        Refuse(problems, value < min || value > max, field, $"{value} is out of range; allowed: {min} to {max}");

    private static void Refuse(List<VrrpConfigProblem> problems, bool bad, string field, string message)
    {
        if (bad)
        {
            problems.Add(new VrrpConfigProblem(field, message));
        }
    }
}
