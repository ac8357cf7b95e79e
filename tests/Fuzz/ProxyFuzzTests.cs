using System.Net;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>TCP segments of a client and of a server that gets the PROXY protocol's header, in any order, against <see cref="ProxyRules"/>.</summary>
public sealed class ProxyFuzzTests : IDisposable
{
    private const int SegmentsMax = 40, FarSegments = 400, FarOneIn = 64;
    private const long Step = 1 << 28;
    private static readonly byte[] s_flags = [16, 16, 16, 16, 24, 17, 48, 2, 18, 4, 20, 0, 6];
    private readonly SegmentBench _bench = new(ClientAddressMode.ProxyV2);
    private readonly Dictionary<string, long> _seen = [];

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Segments_become_what_the_second_reading_says()
    {
        using FuzzRun run = new("proxy");
        string[] kinds = ["header", "header and data", "higher", "same to the server", "lower", "same to the client", "options", "refused", "bad", "far"];
        while (run.GoesUntil(() => kinds.All(k => _seen.ContainsKey(k))))
        {
            Connection(run);
        }

        Assert.Equal([], kinds.Where(k => !_seen.ContainsKey(k)));
    }

    private void Connection(FuzzRun run)
    {
        Random random = run.Random;
        (IPEndPoint client, IPEndPoint vip, IPEndPoint server, int pathHeaderBytes) = _bench.Ends(random);
        ProxyRules rules = new(client, vip, server, SegmentBench.PathBytes, pathHeaderBytes);
        ToServer(run, rules, new Segment(client, vip) { Sequence = (uint)random.NextInt64(1L << 32), Flags = Segment.Syn });
        if (random.Next(8) != 0)
        {
            ToClient(run, rules, new Segment(server, rules.Local) { Sequence = (uint)random.Next(), Acknowledgment = rules.Number(0), Flags = Segment.Syn | Segment.Ack, Options = [2, 4, 5, 180] });
        }

        bool far = random.Next(FarOneIn) == 0; // a connection of more bytes than there are numbers
        for (int n = far ? FarSegments : random.Next(SegmentsMax); n > 0; n--)
        {
            Segment segment = random.Next(2) == 0 ? new Segment(client, vip) : new Segment(server, rules.Local);
            long place = random.Next(3) switch { 0 => 0, 1 => random.Next(-3, 70), _ => rules.Acknowledged + random.Next(-70, 70) + (far ? random.NextInt64(Step) : 0) };
            _ = far && rules.Acknowledged > 1L << 32 && Seen("far");
            place = rules.Acknowledged > Step ? Math.Max(place, rules.Acknowledged - Step) : place; // nothing is so late
            bool toServer = segment.From == client;
            segment = segment with
            {
                Flags = s_flags[random.Next(s_flags.Length)], Sequence = toServer ? rules.Number(place) : (uint)random.Next(), Acknowledgment = toServer ? (uint)random.Next() : rules.Number(place), Urgent = (ushort)random.Next(1 << 16),
                Options = Options(random), Data = SegmentBench.Bytes(random, random.Next(3) switch { 0 => 0, 1 => random.Next(60), _ => random.Next(1_400) }), Ttl = random.Next(2, 256),
            };
            if (far || ((segment.Flags & (Segment.Rst | Segment.Fin)) != 0 && n > 1 && random.Next(3) != 0))
            {
                segment = segment with { Flags = Segment.Ack }; // most connections last
            }

            if (toServer)
            {
                ToServer(run, rules, segment);
            }
            else
            {
                ToClient(run, rules, segment);
            }

            if ((segment.Flags & (Segment.Rst | Segment.Fin)) != 0)
            {
                break; // a SYN may be a new flow's now
            }
        }

        ToServer(run, rules, new Segment(client, vip) { Sequence = rules.Number(rules.Acknowledged), Flags = Segment.Rst }); // the next one of this port is a new flow
    }

    private void ToServer(FuzzRun run, ProxyRules rules, Segment sent)
    {
        (byte[] packet, bool isBad) = SegmentBench.Packet(run.Random, sent);
        byte[]? became = _bench.Run(run, packet, toServer: true);
        _ = isBad && Seen("bad");
        rules.Local = rules.Local.Port == 0 ? SegmentBench.Local(became!) : rules.Local;
        Segment? expected = rules.ToServer(sent);
        SegmentBench.Compare(run, packet, expected, became, isBad);
        _ = Seen(expected == null ? "refused" : expected.Data.Length > sent.Data.Length && sent.Data.Length != 0 ? "header and data" : expected.Data.Length > 0 && sent.Data.Length == 0 ? "header" : expected.Sequence != sent.Sequence ? "higher" : "same to the server");
    }

    private void ToClient(FuzzRun run, ProxyRules rules, Segment sent)
    {
        (byte[] packet, bool isBad) = SegmentBench.Packet(run.Random, sent);
        byte[]? became = _bench.Run(run, packet, toServer: false);
        Segment expected = rules.ToClient(sent);
        SegmentBench.Compare(run, packet, expected, became, isBad);
        _ = Seen(expected.Acknowledgment != sent.Acknowledgment ? "lower" : "same to the client");
        _ = !expected.Options.AsSpan().SequenceEqual(sent.Options) && Seen("options");
    }

    private bool Seen(string kind) => (_seen[kind] = _seen.GetValueOrDefault(kind) + 1) != 0;

    private static byte[] Options(Random random) => SegmentBench.Options(random, most: 4, kind => kind switch
    {
        0 => [1], 1 => [2, 4, .. SegmentBench.Bytes(random, 2)], 2 => [5, 10, .. SegmentBench.Bytes(random, 8)], 3 => [8, 10, .. SegmentBench.Bytes(random, 8)], _ => [0],
    }, choices: 5);
}
