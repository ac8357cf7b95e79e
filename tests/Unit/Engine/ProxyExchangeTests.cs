using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Whole connections through the director over links that lose, repeat and reorder: what the server reads is the header and then what the client wrote, and the client reads what the server wrote.</summary>
public sealed class ProxyExchangeTests
{
    private const int Connections = 150, TurnsMax = 20_000;

    /// <param name="clientV6">Family of the client.</param>
    /// <param name="serverV6">Family of the server.</param>
    /// <param name="lossPercent">Segments that each link loses.</param>
    [Theory]
    [InlineData(false, false, 0)]
    [InlineData(false, false, 20)]
    [InlineData(true, true, 40)]
    [InlineData(true, false, 30)]
    public void StreamsArriveWhole(bool clientV6, bool serverV6, int lossPercent)
    {
        using ProxyBed bed = new(clientV6, serverV6);
        for (int seed = 1; seed <= Connections; seed++)
        {
            Random random = new(seed);
            byte[] request = Bytes(random, seed % 5 == 0 ? 0 : random.Next(1, 9_000)), answer = Bytes(random, random.Next(1, 9_000));
            TcpEnd client = new(random, uint.MaxValue - (uint)random.Next(0, 200), request, null);
            TcpEnd server = new(random, (uint)random.Next(), answer, bed.Header.Length); // it speaks when it has read the header
            List<(Segment Segment, bool ToServer)> wire = [];
            int turn = 0;
            while (!(client.IsDone(answer.Length) && server.IsDone(request.Length + bed.Header.Length)) && turn++ < TurnsMax)
            {
                Step(bed, client, server, wire, random, lossPercent);
            }

            string at = $"seed {seed}, {turn} turns";
            Assert.True(turn < TurnsMax, at);
            Assert.True(server.Read.SequenceEqual([.. bed.Header, .. request]), at);
            Assert.True(client.Read.SequenceEqual(answer), at);
            _ = bed.ToServer(bed.OfClient(client.Next, flags: Segment.Rst));
        }
    }

    private static void Step(ProxyBed bed, TcpEnd client, TcpEnd server, List<(Segment Segment, bool ToServer)> wire, Random random, int lossPercent)
    {
        if (wire.Count == 0 || random.Next(8) == 0)
        {
            Send(wire, random, lossPercent, client.Timeout(isClient: true).Select(s => (s, true)));
            Send(wire, random, lossPercent, server.Timeout(isClient: false).Select(s => (s, false)));
        }

        if (wire.Count == 0)
        {
            return;
        }

        int at = random.Next(Math.Min(wire.Count, 4)); // reordered a little
        (Segment segment, bool toServer) = wire[at];
        wire.RemoveAt(at);
        Segment? got = toServer ? bed.ToServer(segment with { From = bed.Client, To = bed.Vip }) : bed.ToClient(segment with { From = bed.Server, To = bed.Local });
        if (got != null && random.Next(100) >= lossPercent)
        {
            TcpEnd end = toServer ? server : client;
            Send(wire, random, lossPercent, end.Take(got).Select(s => (s, !toServer)));
        }
    }

    private static void Send(List<(Segment Segment, bool ToServer)> wire, Random random, int lossPercent, IEnumerable<(Segment Segment, bool ToServer)> segments)
    {
        foreach ((Segment segment, bool toServer) in segments)
        {
            for (int copies = random.Next(100) < lossPercent ? 0 : random.Next(10) == 0 && lossPercent != 0 ? 2 : 1; copies > 0; copies--)
            {
                wire.Add((segment, toServer));
            }
        }
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
