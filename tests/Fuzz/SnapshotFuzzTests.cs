using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Changed snapshots: the verifier refuses them, or the engine can use them without leaving them.</summary>
public sealed unsafe class SnapshotFuzzTests
{
    private const ulong Generation = 1;
    private const int PortCount = 1;

    [Fact]
    public void What_the_verifier_accepts_the_engine_can_use()
    {
        using FuzzRun run = new("snapshots");
        using EngineRig rig = new(flows: 256);
        byte[] good = Written(Content());
        using GuardedMemory place = new(good.Length);
        Dictionary<SnapshotFault, int> seen = [];
        while (run.Goes)
        {
            byte[] changed = Change(run.Random, good);
            run.Trying(changed);
            byte* at = place.Place(changed);
            SnapshotFault fault = SnapshotVerifier.Verify(new ReadOnlySpan<byte>(at, changed.Length), Generation, out _, PortCount);
            seen[fault] = seen.GetValueOrDefault(fault) + 1;
            if (fault == SnapshotFault.None)
            {
                Use(rig, run, at);
            }
        }

        SnapshotFault[] faults = [.. Enum.GetValues<SnapshotFault>().Where(f => f != SnapshotFault.Checksum)]; // the checksum is set right on purpose
        Assert.Equal([], faults.Where(f => seen.GetValueOrDefault(f) == 0));
    }

    [Fact]
    public void A_changed_byte_without_a_new_checksum_is_refused()
    {
        byte[] good = Written(Content());
        Assert.Equal(SnapshotFault.None, SnapshotVerifier.Verify(good, Generation, out _, PortCount));
        for (int i = 0; i < good.Length; i++)
        {
            good[i] ^= 0x10;
            Assert.NotEqual(SnapshotFault.None, SnapshotVerifier.Verify(good, Generation, out _, PortCount));
            good[i] ^= 0x10;
        }
    }

    private static void Use(EngineRig rig, FuzzRun run, byte* snapshot)
    {
        EngineState.UseSnapshot(rig.State, new SnapshotView(snapshot));
        foreach (int slot in Enumerable.Range(1, 8))
        {
            rig.Region.Neighbours[slot] = run.Random.Next(4) == 0 ? 0 : NeighbourWord.Pack(EngineRig.MacOfNextHop(slot), NeighbourState.Reachable, 0);
        }

        for (int n = 0; n < 4; n++)
        {
            byte[][] frames = [.. Enumerable.Range(0, Limits.BurstMax).Select(_ => Corpus.Frames[run.Random.Next(Corpus.Frames.Count)])];
            rig.Run(0, frames);
            for (int i = 0; i < frames.Length; i++)
            {
                Verdict verdict = rig.Burst->VerdictOf(i);
                run.Require(verdict != Verdict.None, "no verdict", frames[i]);
                run.Require(verdict != Verdict.Forward || rig.Burst->Egress[i] < PortCount, $"sent to port {rig.Burst->Egress[i]}", frames[i]);
                run.Require(verdict != Verdict.Wait || rig.Burst->NextHop[i] < Limits.NextHopsMax, $"waits for {rig.Burst->NextHop[i]}", frames[i]);
            }
        }
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

    /// <summary>Servers of all methods.</summary>
    private static SnapshotContent Content() => FrameFuzzTests.Builder().Tunnel(1, "172.16.58.2").Tunnel(5, "fd16::2").Nat(3, 5353).Nat(6, 8080).Content;

    private static byte[] Written(SnapshotContent content)
    {
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        int written = SnapshotWriter.Write(content, Generation, bytes);
        return bytes[..written];
    }
}
