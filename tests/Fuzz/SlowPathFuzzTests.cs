using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Changed frames through the slow path, each twice: with zeros and with ones behind the frame. What is done may not depend on them.</summary>
public sealed class SlowPathFuzzTests
{
    private const int FrameBytesMax = 1536;

    [Fact]
    public void Each_frame_is_sent_dropped_or_given_to_the_host_once_and_nothing_behind_it_is_read()
    {
        using FuzzRun run = new("slow-path");
        using SlowPathRig zeros = new(FrameFuzzTests.Content()), ones = new(FrameFuzzTests.Content()) { Behind = 0xFF };
        while (run.Goes)
        {
            byte[] frame = Mutator.Next(run.Random, FrameBytesMax);
            string verdict = ExpectedVerdict.Of(frame);
            if (verdict != "punt")
            {
                continue; // workers give nothing else to the slow path
            }

            run.Trying(frame);
            bool hasHost = run.Random.Next(4) != 0;
            string first = Punt(zeros, frame, hasHost), second = Punt(ones, frame, hasHost);
            run.Require(first == second, $"read behind the frame: {first} or {second}", frame);
            run.Require(zeros.Held == 0, "the packet is lost", frame);
            if (run.Random.Next(16) == 0)
            {
                int ms = run.Random.Next(2_000);
                zeros.Pass(ms);
                ones.Pass(ms);
                Forget(zeros);
                Forget(ones);
            }
        }

        Assert.True(run.Count > 1_000, $"Only {run.Count} frames were tried.");
    }

    [Fact]
    public void Packets_that_wait_are_sent_or_dropped_in_the_end()
    {
        using FuzzRun run = new("waiting");
        using SlowPathRig rig = new(FrameFuzzTests.Content());
        while (run.Goes)
        {
            int given = 0;
            Forget(rig);
            for (int n = run.Random.Next(1, 40); n > 0; n--)
            {
                byte[] frame = Mutator.Next(run.Random, FrameBytesMax);
                run.Trying(frame);
                bool punt = ExpectedVerdict.Of(frame) == "punt";
                if (!punt && frame.Length >= Wire.EthernetBytes)
                {
                    rig.Wait(frame, (uint)run.Random.Next(8)); // slots that are, and that are not
                    given++;
                }

                rig.Pass(run.Random.Next(200));
            }

            rig.Pass(5_000);
            run.Require(rig.Held == 0, $"{rig.Held} of {given} packets are held for ever", []);
        }
    }

    private static string Punt(SlowPathRig rig, byte[] frame, bool hasHost)
    {
        Forget(rig);
        rig.HasHost = hasHost;
        rig.Punt(frame);
        return string.Join(' ', [.. rig.Sent.Select(s => $"sent {s.Port} {Convert.ToHexString(s.Frame)}"), .. rig.ToTheHost.Select(Convert.ToHexString), .. rig.Drops.Select(d => d.ToString())]);
    }

    private static void Forget(SlowPathRig rig)
    {
        rig.Sent.Clear();
        rig.ToTheHost.Clear();
        rig.Drops.Clear();
    }
}
