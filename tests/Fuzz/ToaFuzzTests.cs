using System.Net;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>TCP segments of a client and of a server that gets the client's address as an option, in any order, against <see cref="ToaRules"/>.</summary>
public sealed class ToaFuzzTests : IDisposable
{
    private const int SegmentsMax = 24, AnswerBytesMax = 1_300;
    private static readonly byte[] s_flags = [16, 16, 16, 16, 24, 17, 2, 18, 4, 20, 0, 6];
    private readonly SegmentBench _bench = new(ClientAddressMode.Toa);
    private readonly Dictionary<string, long> _seen = [];
    private ulong _forged, _cut;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Segments_become_what_the_second_reading_says()
    {
        using FuzzRun run = new("toa");
        string[] kinds = ["address", "address and options", "address and data", "overwritten", "options gave way", "without", "smaller", "same to the client", "refused", "bad"];
        while (run.GoesUntil(() => kinds.All(k => _seen.ContainsKey(k))))
        {
            Connection(run);
        }

        Assert.Equal([], kinds.Where(k => !_seen.ContainsKey(k)));
        Assert.Equal((_forged, _cut), (_bench.Counters.ToaForged, _bench.Counters.ToaOptionsCut));
    }

    private void Connection(FuzzRun run)
    {
        Random random = run.Random;
        (IPEndPoint client, IPEndPoint vip, IPEndPoint server, int pathHeaderBytes) = _bench.Ends(random);
        ToaRules rules = new(client, vip, server, SegmentBench.PathBytes, pathHeaderBytes);
        uint first = (uint)random.NextInt64(1L << 32);
        ToServer(run, rules, new Segment(client, vip) { Sequence = first - 1, Flags = Segment.Syn, Options = Options(random) });
        for (int n = 1 + random.Next(SegmentsMax); n > 0; n--)
        {
            byte flags = s_flags[random.Next(s_flags.Length)];
            flags = (flags & (Segment.Rst | Segment.Fin)) != 0 && n > 1 && random.Next(3) != 0 ? Segment.Ack : flags; // most connections last
            Segment segment = new(client, vip)
            {
                Flags = flags, Sequence = first + (uint)random.Next(-2, 3), Acknowledgment = first + (uint)random.Next(-2, 3), Options = Options(random),
                Data = SegmentBench.Bytes(random, random.Next(4) switch { 0 => random.Next(60), 1 => random.Next(1_400, 1_460), _ => 0 }), Ttl = random.Next(2, 256),
            };
            if (random.Next(2) == 0)
            {
                ToServer(run, rules, segment);
            }
            else
            {
                ToClient(run, rules, segment with { From = server, To = rules.Local, Data = segment.Data[..Math.Min(segment.Data.Length, AnswerBytesMax)] });
            }

            if ((flags & (Segment.Rst | Segment.Fin)) != 0)
            {
                break; // a SYN may be a new flow's now
            }
        }

        ToServer(run, rules, new Segment(client, vip) { Sequence = first, Flags = Segment.Rst }); // the next one of this port is a new flow
        (_forged, _cut) = (_forged + rules.Forged, _cut + rules.Cut);
    }

    private void ToServer(FuzzRun run, ToaRules rules, Segment sent)
    {
        (byte[] packet, bool isBad) = SegmentBench.Packet(run.Random, sent);
        byte[]? became = _bench.Run(run, packet, toServer: true);
        _ = isBad && Seen("bad");
        rules.Local = rules.Local.Port == 0 ? SegmentBench.Local(became!) : rules.Local;
        (ulong forged, ulong cut) = (rules.Forged, rules.Cut);
        Segment? expected = rules.ToServer(sent);
        SegmentBench.Compare(run, packet, expected, became, isBad);
        _ = Seen(expected == null ? "refused" : rules.Cut > cut ? "options gave way" : expected.Options.Length == sent.Options.Length ? "without" : sent.Data.Length != 0 ? "address and data" : sent.Options.Length != 0 ? "address and options" : "address");
        _ = rules.Forged > forged && Seen("overwritten");
    }

    private void ToClient(FuzzRun run, ToaRules rules, Segment sent)
    {
        (byte[] packet, bool isBad) = SegmentBench.Packet(run.Random, sent);
        byte[]? became = _bench.Run(run, packet, toServer: false);
        Segment expected = rules.ToClient(sent);
        SegmentBench.Compare(run, packet, expected, became, isBad);
        _ = Seen(expected.Options.AsSpan().SequenceEqual(sent.Options) ? "same to the client" : "smaller");
    }

    private bool Seen(string kind) => (_seen[kind] = _seen.GetValueOrDefault(kind) + 1) != 0;

    private static byte[] Options(Random random) => random.Next(3) == 0 ? [] : SegmentBench.Options(random, most: 7, kind => kind switch
    {
        0 => [1], 1 => [2, 4, .. SegmentBench.Bytes(random, 2)], 2 => [3, 3, 7], 3 => [4, 2], 4 => [5, 10, .. SegmentBench.Bytes(random, 8)], 5 => [8, 10, .. SegmentBench.Bytes(random, 8)],
        6 => [254, 8, .. SegmentBench.Bytes(random, 6)], 7 => [254, 20, .. SegmentBench.Bytes(random, 18)], 8 => [254, (byte)random.Next(8)], 9 => [30, 12, .. SegmentBench.Bytes(random, 10)], _ => [0],
    }, choices: 11);
}
