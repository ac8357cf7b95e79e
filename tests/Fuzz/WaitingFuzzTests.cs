using System.Buffers.Binary;
using System.Net;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Packets that wait for neighbours which answer, answer elsewhere, late, or not at all; a list for each beside it.</summary>
public sealed class WaitingFuzzTests
{
    private const int PerNeighbourMax = 8, WaitingMs = 3_000, TickMs = 5, FrameBytes = 64;
    private static readonly byte[] s_marker = "waits"u8.ToArray();

    [Fact]
    public void Each_packet_goes_when_its_neighbour_answers_in_the_order_it_came_or_is_dropped_in_time()
    {
        using FuzzRun run = new("waiting");
        using SlowPathRig rig = new(FuzzNetwork.Content);
        List<(uint Slot, long SinceMs, byte[] Frame)> waiting = [];
        Dictionary<string, long> seen = [];
        int number = 0;
        string[] ends = ["sent", nameof(DropReason.NeighbourUnresolved), nameof(DropReason.NeighbourQueueFull), nameof(DropReason.NeighbourTimeout)];
        while (run.GoesUntil(() => ends.All(seen.ContainsKey)))
        {
            SlowPathFuzzTests.Forget(rig);
            List<byte[]> sent = [];
            List<DropReason> dropped = [];
            uint slot = (uint)run.Random.Next(FuzzNetwork.Content.NextHops.Count + 2); // some that are not
            switch (run.Random.Next(16))
            {
                case <= 9:
                    byte[] frame = Frame(number++);
                    run.Trying(frame);
                    Wait(rig, slot, frame, waiting, sent, dropped);
                    break;
                case <= 11 when slot > 0 && slot < FuzzNetwork.Content.NextHops.Count:
                    bool elsewhere = run.Random.Next(4) == 0;
                    Answer(rig, slot, elsewhere, run.Random);
                    sent.AddRange(elsewhere ? [] : waiting.Where(w => w.Slot == slot).Select(w => w.Frame));
                    waiting.RemoveAll(w => !elsewhere && w.Slot == slot);
                    break;
                default:
                    // Ticks end at a multiple of 5 ms; now and then long enough for answers to be forgotten.
                    int ms = TickMs * (run.Random.Next(64) == 0 ? run.Random.Next(20_000) : run.Random.Next(120));
                    rig.Pass(ms);
                    dropped.AddRange(waiting.Where(w => w.SinceMs + WaitingMs <= rig.NowMs).Select(_ => DropReason.NeighbourTimeout));
                    waiting.RemoveAll(w => w.SinceMs + WaitingMs <= rig.NowMs);
                    break;
            }

            Check(run, rig, waiting, sent, dropped);
            dropped.ForEach(d => seen[d.ToString()] = seen.GetValueOrDefault(d.ToString()) + 1);
            sent.ForEach(_ => seen["sent"] = seen.GetValueOrDefault("sent") + 1);
        }

        Assert.Equal([], ends.Where(e => seen.GetValueOrDefault(e) == 0));
    }

    private static void Wait(SlowPathRig rig, uint slot, byte[] frame, List<(uint Slot, long SinceMs, byte[] Frame)> waiting, List<byte[]> sent, List<DropReason> dropped)
    {
        bool known = slot > 0 && slot < FuzzNetwork.Content.NextHops.Count;
        bool usable = known && rig.StateOf((int)slot) is NeighbourState.Reachable or NeighbourState.Stale;
        rig.Wait(frame, slot);
        if (!known)
        {
            dropped.Add(DropReason.NeighbourUnresolved);
        }
        else if (usable)
        {
            sent.Add(frame);
        }
        else if (waiting.Count(w => w.Slot == slot) >= PerNeighbourMax)
        {
            dropped.Add(DropReason.NeighbourQueueFull);
        }
        else
        {
            waiting.Add((slot, rig.NowMs, frame));
        }
    }

    private static void Check(FuzzRun run, SlowPathRig rig, List<(uint Slot, long SinceMs, byte[] Frame)> waiting, List<byte[]> sent, List<DropReason> dropped)
    {
        (int Port, byte[] Frame)[] found = [.. rig.Sent.Where(s => s.Frame.AsSpan().EndsWith(s_marker))];
        string[] bodies = [.. found.Select(f => Convert.ToHexString(f.Frame.AsSpan(12)))], expected = [.. sent.Select(f => Convert.ToHexString(f.AsSpan(12)))];
        run.Require(bodies.SequenceEqual(expected), $"sent {string.Join(' ', bodies)} where {string.Join(' ', expected)} is right", []);
        run.Require(rig.Drops.Order().SequenceEqual(dropped.Order()), $"dropped for {string.Join(' ', rig.Drops)} where {string.Join(' ', dropped)} is right", []);
        run.Require(rig.Held == waiting.Count, $"{rig.Held} packets are held, {waiting.Count} wait", []);
        foreach ((int port, byte[] frame) in found)
        {
            int slot = frame[5]; // MacOf
            NextHopEntry hop = FuzzNetwork.Content.NextHops[slot];
            byte[] own = [2, 0, 0, 0, 0, (byte)(port + 1)];
            run.Require(port == FuzzNetwork.Content.Interfaces[hop.Interface].Port && frame.AsSpan(6, 6).SequenceEqual(own), $"sent by port {port}", frame);
        }
    }

    /// <summary>ARP or an advertisement from a next hop, on its interface or on another one.</summary>
    private static void Answer(SlowPathRig rig, uint slot, bool elsewhere, Random random)
    {
        NextHopEntry hop = FuzzNetwork.Content.NextHops[(int)slot];
        InterfaceEntry at = FuzzNetwork.Content.Interfaces[elsewhere ? (hop.Interface + 1) % FuzzNetwork.Content.Interfaces.Count : hop.Interface];
        byte[] address = [.. BitConverter.GetBytes(hop.High), .. BitConverter.GetBytes(hop.Low)];
        string text = new IPAddress(hop.IpVersion == 4 ? address[..4] : address).ToString();
        ulong mac = 0xFF02UL | ((ulong)slot << 40);
        rig.Punt(hop.IpVersion == 4
            ? Messages.Arp(random.Next(1, 3), text, "172.16.58.250", mac, at.Vlan)
            : Messages.Nd(136, text, "ff02::1", text, mac, 2, vlan: at.Vlan), at.Port);
    }

    /// <summary>A frame that is ready but for its MAC addresses.</summary>
    private static byte[] Frame(int number)
    {
        byte[] frame = new byte[FrameBytes];
        frame[12] = 8;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(20), number);
        s_marker.CopyTo(frame, FrameBytes - s_marker.Length);
        return frame;
    }
}
