using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Changed frames through the worker's stages.</summary>
public sealed unsafe class FrameFuzzTests
{
    private const int FrameBytesMax = 2048;
    private const ulong PortMac = 0x0100_0000_0002;

    [Fact]
    public void Each_frame_gets_the_verdict_that_the_rules_give_and_is_changed_only_where_direct_routing_may()
    {
        using FuzzRun run = new("frames");
        using EngineRig rig = new(flows: 4096);
        GuardedMemory[] places = [.. Enumerable.Range(0, Limits.BurstMax).Select(_ => new GuardedMemory(2 * FrameBytesMax))];
        SnapshotContent content = Content();
        rig.Publish(content);
        rig.ResolveAll(content);
        Dictionary<string, long> seen = [];
        while (run.Goes)
        {
            byte[][] frames = [.. Enumerable.Range(0, run.Random.Next(1, Limits.BurstMax + 1)).Select(_ => Mutator.Next(run.Random, FrameBytesMax))];
            run.Trying(frames.SelectMany(f => f).ToArray());
            ulong forwardedBefore = rig.Counters.ForwardedPackets;
            Load(rig, places, frames);
            rig.State->NowMs += (uint)run.Random.Next(5_000); // flows expire, too
            rig.Run();
            ulong forwarded = 0;
            for (int i = 0; i < frames.Length; i++)
            {
                string found = rig.Burst->VerdictOf(i) switch
                {
                    Verdict.Forward => "forward",
                    Verdict.Punt => "punt",
                    Verdict.Drop or Verdict.Refuse => ((DropReason)rig.Burst->Reason[i]).ToString(),
                    Verdict other => other.ToString(),
                };
                string expected = ExpectedVerdict.Of(frames[i]);
                // An ICMP error goes to the server of the flow that it quotes, if there is such a flow.
                bool mayBeOfAFlow = expected == "punt" && found is "forward" or nameof(DropReason.TooBig) && ExpectedVerdict.IsErrorAboutAnAnswer(frames[i]);
                run.Require(found == expected || mayBeOfAFlow, $"{found} where {expected} is right", frames[i]);
                seen[found] = seen.GetValueOrDefault(found) + 1;
                if (found == "forward")
                {
                    forwarded++;
                    run.Require(IsDirectRouted(frames[i], rig.Frame(i)), $"forwarded as {Convert.ToHexString(rig.Frame(i))}", frames[i]);
                }
                else
                {
                    run.Require(rig.Frame(i).SequenceEqual(frames[i]), $"{found}, but changed to {Convert.ToHexString(rig.Frame(i))}", frames[i]);
                }
            }

            run.Require(rig.Counters.ForwardedPackets - forwardedBefore == forwarded, "the counter of forwarded packets is wrong", []);
        }

        // The run must have been everywhere, or it says little.
        string[] reasons = [nameof(DropReason.Truncated), nameof(DropReason.IpVersionBad), nameof(DropReason.Ipv4HeaderLengthBad), nameof(DropReason.IpLengthBad), nameof(DropReason.Fragment),
            nameof(DropReason.L4HeaderBad), nameof(DropReason.NoService), nameof(DropReason.NotOurMac), nameof(DropReason.ProtocolUnsupported), nameof(DropReason.Ipv6ExtensionBad), "forward", "punt"];
        Assert.Equal([], reasons.Where(r => seen.GetValueOrDefault(r) < 10));
        foreach (GuardedMemory place in places)
        {
            place.Dispose();
        }
    }

    /// <summary>VLAN 0 and 100: the second service's servers are behind a tag.</summary>
    internal static SnapshotContent Content() => Builder().Content;

    internal static ContentBuilder Builder()
    {
        ContentBuilder builder = new();
        int untagged = builder.Interface(0, address: "172.16.58.2"), tagged = builder.Interface(0, vlan: 100, address: "10.1.0.2");
        builder.Local("fd16::2", LocalAddressKind.Own, (ushort)untagged);
        builder.Service("172.16.58.1", 80, Wire.Tcp, Scheduler.Maglev, 251, (untagged, "172.16.58.7", 2), (untagged, "172.16.58.8", 1));
        builder.Service("172.16.58.1", 53, Wire.Udp, Scheduler.Wlc, 251, (tagged, "10.1.0.7", 1), (tagged, "10.1.0.8", 1));
        builder.Service("fd16::100", 80, Wire.Tcp, Scheduler.Wlc, 251, (untagged, "fd16::7", 1), (untagged, "fd16::8", 1));
        builder.Service("fd16::100", 53, Wire.Udp, Scheduler.Maglev, 251, (untagged, "fd16::7", 1));
        return builder;
    }

    private static void Load(EngineRig rig, GuardedMemory[] places, byte[][] frames)
    {
        rig.Burst->Count = frames.Length;
        rig.Burst->Ingress = 0;
        rig.Burst->Moved = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            rig.Burst->Frame[i] = (ulong)places[i].Place(frames[i]);
            rig.Burst->Length[i] = (uint)frames[i].Length;
            rig.Burst->ChecksumBad[i] = 0;
        }
    }

    /// <summary>From the EtherType behind any tag on all as it came; the tag is the server's; the source MAC address the port's.</summary>
    private static bool IsDirectRouted(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        bool wasTagged = before[12] == 0x81 && before[13] == 0, isTagged = after[12] == 0x81 && after[13] == 0;
        ReadOnlySpan<byte> rest = before[(wasTagged ? 16 : 12)..];
        bool tagged = IsUdp4(rest);
        ulong source = BinaryPrimitives.ReadUInt64LittleEndian(after[6..]) & Wire.MacMask;
        return rest.SequenceEqual(after[(isTagged ? 16 : 12)..]) && source == PortMac && after[0] == 2 && after[1] == 0xFF
            && (tagged ? isTagged && (BinaryPrimitives.ReadUInt16BigEndian(after[14..]) & 0xFFF) == 100 : !isTagged || (BinaryPrimitives.ReadUInt16BigEndian(after[14..]) & 0xFFF) == 0);
    }

    /// <summary>UDP over IPv4, or an ICMP error that quotes it.</summary>
    private static bool IsUdp4(ReadOnlySpan<byte> fromEtherType)
    {
        int header = (fromEtherType[2] & 15) * 4;
        return fromEtherType[0] == 8 && fromEtherType[1] == 0 && (fromEtherType[2 + 9] == Wire.Udp || (fromEtherType[2 + 9] == Wire.Icmp && fromEtherType[2 + header + 8 + 9] == Wire.Udp));
    }
}
