using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Changed snapshots: the verifier refuses them, or worker and slow path can use them without leaving them.</summary>
public sealed unsafe class SnapshotFuzzTests
{
    private const ulong Generation = 1;
    private const int PortCount = FuzzNetwork.PortCount;
    private static readonly SnapshotContent s_content = Content();

    [Fact]
    public void What_the_verifier_accepts_worker_and_slow_path_can_use()
    {
        using FuzzRun run = new("snapshots");
        using EngineRig rig = new(256, FuzzNetwork.PortMac, FuzzNetwork.PortMac);
        using SlowPathRig slow = new(s_content);
        FrameMaker maker = new(run.Random, new SecondDirector());
        byte[][] requests = [.. Enumerable.Range(0, 256).Select(n => n % 4 == 0 ? ToFullNat(run.Random) : maker.Request())], answers = [.. requests.Select(_ => Answer(run.Random, maker))];
        byte[] good = Written(s_content);
        using GuardedMemory place = new(good.Length);
        Dictionary<SnapshotFault, int> seen = [];
        SnapshotFault[] faults = [.. Enum.GetValues<SnapshotFault>().Where(f => f != SnapshotFault.Checksum)]; // the checksum is set right on purpose
        while (run.GoesUntil(() => faults.All(seen.ContainsKey)))
        {
            byte[] changed = Change(run.Random, good);
            run.Trying(changed);
            byte* at = place.Place(changed);
            SnapshotFault fault = SnapshotVerifier.Verify(new ReadOnlySpan<byte>(at, changed.Length), Generation, out _, PortCount);
            seen[fault] = seen.GetValueOrDefault(fault) + 1;
            if (fault == SnapshotFault.None)
            {
                Use(rig, slow, requests, answers, run, at);
            }
        }

        Assert.True(rig.Counters.ReplyPackets > 0, "no server has answered");
        Assert.Equal([], faults.Where(f => seen.GetValueOrDefault(f) == 0));
    }

    [Fact]
    public void A_changed_byte_without_a_new_checksum_is_refused()
    {
        byte[] good = Written(s_content);
        Assert.Equal(SnapshotFault.None, SnapshotVerifier.Verify(good, Generation, out _, PortCount));
        for (int i = 0; i < good.Length; i++)
        {
            good[i] ^= 0x10;
            Assert.NotEqual(SnapshotFault.None, SnapshotVerifier.Verify(good, Generation, out _, PortCount));
            good[i] ^= 0x10;
        }
    }

    /// <summary>A worker and the slow path work by the snapshot: requests, then what comes back of the flows that they have opened.</summary>
    private static void Use(EngineRig rig, SlowPathRig slow, byte[][] requests, byte[][] answers, FuzzRun run, byte* snapshot)
    {
        SnapshotView view = new(snapshot);
        slow.Use(view);
        EngineState.UseSnapshot(rig.State, view);
        rig.State->NowNs = 1;
        rig.Region.Leases.Fill(run.Random.Next(8) == 0 ? 0 : ulong.MaxValue);
        slow.Region.Leases.Fill(run.Random.Next(8) == 0 ? 0 : ulong.MaxValue);
        for (int slot = 1; slot < s_content.NextHops.Count; slot++)
        {
            rig.Region.Neighbours[slot] = run.Random.Next(4) == 0 ? 0 : NeighbourWord.Pack(EngineRig.MacOfNextHop(slot), NeighbourState.Reachable, 0);
        }

        List<byte[]> bounced = [];
        for (int n = 0; n < 4; n++)
        {
            byte[][] frames = [.. Enumerable.Range(0, Limits.BurstMax).Select(_ => (n % 2 == 0 ? requests : answers)[run.Random.Next(requests.Length)])];
            frames = bounced.Count == 0 ? frames : [.. frames[bounced.Count..], .. bounced];
            bounced.Clear();
            int port = run.Random.Next(PortCount);
            rig.Run(port, frames);
            for (int i = 0; i < frames.Length; i++)
            {
                HandOn(rig, slow, run, i, port, frames[i]);
                if (n % 2 == 0 && rig.Burst->VerdictOf(i) == Verdict.Forward && Bounced(rig.Frame(i).ToArray()) is { } back)
                {
                    bounced.Add(back);
                }
            }
        }

        slow.Pass(run.Random.Next(32) == 0 ? NeighbourTable.WaitingMs : 10);
        run.Require(slow.Sent.All(s => s.Port < PortCount), "the slow path sends by a port that is not", []);
        SlowPathFuzzTests.Forget(slow);
    }

    /// <summary>As housekeeping does with what a worker hands over.</summary>
    private static void HandOn(EngineRig rig, SlowPathRig slow, FuzzRun run, int i, int port, byte[] frame)
    {
        byte[] left = rig.Frame(i).ToArray();
        uint tag = rig.Burst->NextHop[i];
        int held = slow.Held;
        switch (rig.Burst->VerdictOf(i))
        {
            case Verdict.Punt: slow.Punt(left, port); break;
            case Verdict.Wait: slow.Wait(left, tag); break;
            case Verdict.Refuse: slow.Refuse(left, (DropReason)rig.Burst->Reason[i], (int)tag, port); break;
            case Verdict.Forward: run.Require(rig.Burst->Egress[i] < PortCount, $"sent to port {rig.Burst->Egress[i]}", frame); break;
            case Verdict.Drop: run.Require(Enum.IsDefined((DropReason)rig.Burst->Reason[i]) && rig.Burst->Reason[i] != 0, "dropped for no reason", frame); break;
            default: run.Require(false, $"verdict {rig.Burst->VerdictOf(i)}", frame); break;
        }

        run.Require(slow.Held == held || rig.Burst->VerdictOf(i) == Verdict.Wait, "the slow path keeps a packet", frame);
    }

    /// <summary>An answer to a packet that was sent to a server: addresses and ports the other way round.</summary>
    private static byte[]? Bounced(byte[] frame)
    {
        int l3 = frame[12] == 0x81 && frame[13] == 0 ? 18 : 14, bytes = frame[l3] >> 4 == 6 ? 16 : 4, at = l3 + (bytes == 16 ? 8 : 12);
        int l4 = l3 + (bytes == 16 ? 40 : (frame[l3] & 15) * 4);
        if (frame[l3 + (bytes == 16 ? 6 : 9)] is not (Wire.Tcp or Wire.Udp))
        {
            return null;
        }

        byte[] own = [2, 0, 0, 0, 0, 1];
        return [.. own, .. frame[..6], .. frame[12..at], .. frame[(at + bytes)..(at + (2 * bytes))], .. frame[at..(at + bytes)], .. frame[(at + (2 * bytes))..l4], .. frame[(l4 + 2)..(l4 + 4)], .. frame[l4..(l4 + 2)], .. frame[(l4 + 4)..]];
    }

    private static byte[] ToFullNat(Random random) => random.Next(2) == 0 ? Outwards(random) : random.Next(2) == 0
        ? Frames.L4("172.16.0.1", random.Next(40_000, 40_016), "172.16.58.5", 80, tcpFlags: Wire.Syn)
        : Frames.L4("2001:db8::9", random.Next(40_000, 40_016), "fd16::105", 53, Wire.Udp);

    /// <summary>Of an inside host.</summary>
    private static byte[] Outwards(Random random) => random.Next(2) == 0
        ? Frames.L4("10.9.0.7", random.Next(40_000, 40_016), "198.51.100.9", 80, tcpFlags: Wire.Syn)
        : Frames.L4("fd99::7", random.Next(40_000, 40_016), "2001:db8:f::9", 53, Wire.Udp);

    /// <summary>The network, with FullNAT and SNAT in both families beside it.</summary>
    private static SnapshotContent Content()
    {
        ContentBuilder builder = new();
        SnapshotContent all = builder.Content, from = FuzzNetwork.Content;
        all.VrrpGroupsEnd = from.VrrpGroupsEnd;
        all.RejectsNoService = from.RejectsNoService;
        all.Interfaces.AddRange(from.Interfaces);
        all.LocalAddresses4.AddRange(from.LocalAddresses4);
        all.LocalAddresses6.AddRange(from.LocalAddresses6);
        all.ServiceKeys4.AddRange(from.ServiceKeys4);
        all.ServiceKeys6.AddRange(from.ServiceKeys6);
        all.Services.AddRange(from.Services.Skip(1));
        all.Members.AddRange(from.Members);
        all.Servers.AddRange(from.Servers.Skip(1));
        all.NextHops.AddRange(from.NextHops.Skip(1));
        all.Targets.AddRange(from.Targets.Skip(1));
        all.ServerKeys4.AddRange(from.ServerKeys4);
        all.ServerKeys6.AddRange(from.ServerKeys6);
        all.VirtualMacs.AddRange(from.VirtualMacs);
        foreach ((int service, ushort[] table) in from.MaglevTables)
        {
            all.MaglevTables.Add(service, table);
        }

        builder.Service("172.16.58.5", 80, Wire.Tcp, Scheduler.Wlc, 251, (0, "172.16.58.20", 1));
        builder.FullNat(all.Servers.Count - 1, 8080, "172.16.58.200", "172.16.58.201");
        builder.Service("fd16::105", 53, Wire.Udp, Scheduler.Maglev, 251, (0, "fd16::20", 1));
        builder.FullNat(all.Servers.Count - 1, 5353, "fd16::200");
        builder.Snat(0, "172.16.58.20", (builder.Content.Services[^2].PoolFirst, 2), ["10.9.0.0/16", "10.10.0.0/16"], from: 0);
        builder.Snat(0, "fd16::20", (builder.Content.Services[^2].PoolFirst, 1), ["fd99::/64"], ["2001:db8:f::/48"], ["2001:db8:f:1::/64"]);
        return all;
    }

    private static byte[] Answer(Random random, FrameMaker maker)
    {
        FuzzService service = FuzzNetwork.Services[random.Next(FuzzNetwork.Services.Count)];
        byte[] client = System.Net.IPAddress.Parse(service.Vip.Length == 4 ? "172.16.0.1" : "2001:db8::9").GetAddressBytes();
        return maker.Answer(service, service.Servers[random.Next(service.Servers.Length)], client, random.Next(40_000, 40_016));
    }

    /// <summary>One to three words changed, more often in the small fields; then the checksum is made right.</summary>
    private static byte[] Change(Random random, byte[] good)
    {
        byte[] changed = good.ToArray();
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            int at = random.Next(3) == 0 ? random.Next(sizeof(SnapshotHeader)) : random.Next(changed.Length);
            switch (random.Next(4))
            {
                case 0: changed[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: changed[at] = (byte)random.Next(256); break;
                case 2: changed[at] = (byte)random.Next(4); break;
                default: MemoryMarshal.Cast<byte, uint>(changed.AsSpan())[at / 4] = (uint)random.Next(6) switch { 0 => 0, 1 => 1, 2 => uint.MaxValue, 3 => int.MaxValue, 4 => (uint)good.Length, _ => (uint)random.Next() }; break;
            }
        }

        SnapshotHeader* header = null;
        fixed (byte* start = changed)
        {
            header = (SnapshotHeader*)start;
            if (header->TotalBytes >= (ulong)sizeof(SnapshotHeader) && header->TotalBytes <= (ulong)changed.Length)
            {
                header->Checksum = SnapshotVerifier.Checksum(changed.AsSpan(0, (int)header->TotalBytes));
            }
        }

        return changed;
    }

    private static byte[] Written(SnapshotContent content)
    {
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        int written = SnapshotWriter.Write(content, Generation, bytes);
        return bytes[..written];
    }
}
