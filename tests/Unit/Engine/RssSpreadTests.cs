using System.Buffers.Binary;
using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Ports that spread packets in a known way: FullNAT's flows live where requests arrive, and answers arrive there, too.</summary>
public sealed unsafe class RssSpreadTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd16::100";
    private static readonly byte[] s_key = [.. Enumerable.Range(0, 10).SelectMany(_ => new byte[] { (byte)(RssSpread.Key >> 24), unchecked((byte)(RssSpread.Key >> 16)), unchecked((byte)(RssSpread.Key >> 8)), unchecked((byte)RssSpread.Key) })];
    private EngineRig[] _workers = [];

    public void Dispose()
    {
        foreach (EngineRig worker in _workers)
        {
            worker.Dispose();
        }
    }

    /// <summary>As its definition has it: for each bit that is set, the 32 bits of the key from there.</summary>
    private static uint Toeplitz(byte[] key, byte[] input)
    {
        uint hash = 0;
        for (int bit = 0; bit < input.Length * 8; bit++)
        {
            if ((input[bit / 8] >> (7 - (bit % 8)) & 1) != 0)
            {
                for (int n = 0; n < 32; n++)
                {
                    hash ^= (uint)(key[(bit + n) / 8] >> (7 - ((bit + n) % 8)) & 1) << (31 - n);
                }
            }
        }

        return hash;
    }

    private static byte[] Input(string from, int fromPort, string to, int toPort) =>
        [.. IPAddress.Parse(from).GetAddressBytes(), .. IPAddress.Parse(to).GetAddressBytes(), (byte)(fromPort >> 8), (byte)fromPort, (byte)(toPort >> 8), (byte)toPort];

    /// <summary>The test's own hash against values that are published with the definition, for its key (Microsoft, "Verifying the RSS Hash Calculation").</summary>
    [Theory]
    [InlineData("66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178u)]
    [InlineData("199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0eau)]
    [InlineData("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3du)]
    public void TheTestsHashIsToeplitz(string from, int fromPort, string to, int toPort, uint hash) =>
        Assert.Equal(hash, Toeplitz(Convert.FromHexString("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"), Input(from, fromPort, to, toPort)));

    [Fact]
    public void TheSumOfTheWordsHasTheHashOfThePacket()
    {
        Random random = new(1);
        for (int n = 0; n < 2_000; n++)
        {
            byte[] input = new byte[n % 2 == 0 ? 12 : 36];
            random.NextBytes(input);
            uint words = 0;
            for (int at = 0; at < input.Length; at += 4)
            {
                words ^= BinaryPrimitives.ReadUInt32BigEndian(input.AsSpan(at));
            }

            Assert.Equal(Toeplitz(s_key, input), RssSpread.Hash(words));
        }
    }

    /// <summary>Whatever server and source address add: there are ports for each worker, in fair shares.</summary>
    [Theory]
    [InlineData(2, 128)]
    [InlineData(3, 128)]
    [InlineData(8, 128)]
    [InlineData(64, 512)]
    [InlineData(64, 128)]
    [InlineData(48, 512)]
    public void EachWorkerHasPortsThatLeadHome(int workers, int classes)
    {
        int[] ports = new int[workers * classes];
        for (int port = Limits.SourcePortMin; port <= ushort.MaxValue; port++)
        {
            ports[((port % workers) * classes) + (int)(RssSpread.Hash((uint)port) & (uint)(classes - 1))]++;
        }

        double fair = (65_536.0 - Limits.SourcePortMin) / workers / workers;
        for (int without = 0; without < classes; without++)
        {
            for (int worker = 0; worker < workers; worker++)
            {
                int leadHome = Enumerable.Range(0, classes).Where(c => (c ^ without) % workers == worker).Sum(c => ports[(worker * classes) + c]);
                Assert.InRange(leadHome, fair * 0.5, fair * 1.7);
            }
        }
    }

    /// <summary>Neighbouring clients, neighbouring ports: no worker gets much more than its share.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    public void ClientsThatAreAlikeAreSpread(int workers)
    {
        int[] byAddress = new int[workers], byPort = new int[workers], both = new int[workers];
        for (int n = 0; n < 12_800; n++)
        {
            byAddress[Arrival($"10.0.{n >> 8}.{n & 255}", 1024, Vip, 80, 128, workers)]++;
            byPort[Arrival("10.0.0.1", 1024 + n, Vip, 80, 128, workers)]++;
            both[Arrival($"10.0.{n >> 8}.{n & 255}", 1024 + n, Vip, 80, 128, workers)]++;
        }

        Assert.All((int[][])[byAddress, byPort, both], shares => Assert.All(shares, share => Assert.InRange(share, 12_800 / workers * 8 / 10, 12_800 / workers * 12 / 10)));
    }

    [Theory]
    [InlineData(false, false, Wire.Tcp)]
    [InlineData(false, false, Wire.Udp)]
    [InlineData(true, true, Wire.Tcp)]
    [InlineData(true, true, Wire.Udp)]
    [InlineData(true, false, Wire.Tcp)]
    public void AFlowOfFullNatIsNeverHandedOver(bool v6, bool serverV6, byte protocol)
    {
        const int Workers = 3, Flows = 600;
        string vip = v6 ? Vip6 : Vip, rip = serverV6 ? "fd17::7" : "10.1.0.7";
        Start(Workers, 128, c =>
        {
            c.Service(vip, 80, protocol, Scheduler.Maglev, 251, (c.Interface(0, 0, "172.16.58.2"), rip, 1));
            c.FullNat(1, 8080, serverV6 ? ["fd17::200", "fd17::201"] : ["10.1.0.200", "10.1.0.201"]);
        });
        HashSet<(string, int)> locals = [];
        int[] shares = new int[Workers];
        for (int n = 0; n < Flows; n++)
        {
            string client = v6 ? $"2001:db8::{n % 7:x}" : $"192.0.2.{n % 7}";
            int worker = Arrival(client, 1024 + n, vip, 80, 128, Workers);
            byte[] toServer = Run(worker, Packet(protocol, client, 1024 + n, vip, 80));
            (string source, int local) = SourceOf(toServer);
            Assert.True(locals.Add((source, local)));
            Assert.Equal(worker, Arrival(rip, 8080, source, local, 128, Workers));
            byte[] answer = Run(worker, Packet(protocol, rip, 8080, source, local));
            Assert.Equal((vip, 80), SourceOf(answer));
            shares[worker]++;
        }

        Assert.All(shares, s => Assert.InRange(s, Flows / Workers / 2, Flows / Workers * 2));
        Assert.All(_workers, w => Assert.Equal(0UL, w.Counters.RssElsewhere));
    }

    /// <summary>Errors about the flow, and fragments, come by other queues: they are handed over to where the flow is.</summary>
    [Fact]
    public void WhatComesElsewhereIsHandedOver()
    {
        const int Workers = 2;
        Start(Workers, 128, c =>
        {
            c.Service(Vip, 80, Wire.Udp, Scheduler.Maglev, 251, (c.Interface(0, 0, "172.16.58.2"), "10.1.0.7", 1));
            c.FullNat(1, 8080, "10.1.0.200");
        });
        for (int n = 0; n < 40; n++)
        {
            int home = Arrival("192.0.2.9", 1024 + n, Vip, 80, 128, Workers);
            byte[] request = Packet(Wire.Udp, "192.0.2.9", 1024 + n, Vip, 80);
            Assert.Equal((Verdict.HandOver, home), Elsewhere(1 - home, request));
            byte[] toServer = Run(home, request);
            (string source, int local) = SourceOf(toServer);
            byte[] answer = Run(home, Packet(Wire.Udp, "10.1.0.7", 8080, source, local));
            foreach ((string to, byte[] quoted) in new[] { (source, toServer), (Vip, answer) })
            {
                byte[] error = Ip.Finish(Ip.V4("198.51.100.1", to, Wire.Icmp, [3, 1, 0, 0, 0, 0, 0, 0, .. quoted[..28]]));
                Run(home, error);
                if (to == Vip)
                {
                    Assert.Equal((Verdict.HandOver, home), Elsewhere(1 - home, error));
                }
            }
        }

        Assert.Equal(80UL, _workers[0].Counters.RssElsewhere + _workers[1].Counters.RssElsewhere); // request and error
    }

    /// <summary>A service with NAT, too, and SCTP: the client alone chooses the home.</summary>
    [Fact]
    public void OtherServicesLiveByTheClient()
    {
        const int Workers = 2;
        Start(Workers, 128, c =>
        {
            ushort lan = c.Interface(0, 0, "172.16.58.2");
            c.Service(Vip, 80, Wire.Udp, Scheduler.Maglev, 251, (lan, "10.1.0.7", 1), (lan, "10.1.0.8", 1));
            c.FullNat(1, 8080, "10.1.0.200").Nat(2, 8080);
        });
        for (int n = 0; n < 40; n++)
        {
            byte[] request = Packet(Wire.Udp, "192.0.2.9", 1024 + n, Vip, 80), answer = Packet(Wire.Udp, "10.1.0.8", 8080, "192.0.2.9", 1024 + n);
            int home = Enumerable.Range(0, Workers).Single(w => Elsewhere(w, request).Verdict == Verdict.Forward);
            Assert.Equal((Verdict.HandOver, home), Elsewhere(1 - home, request));
            Assert.NotEqual(Verdict.Forward, Elsewhere(1 - home, answer).Verdict);
        }
    }

    /// <summary>When no port leads home any more, others are taken; when there is none at all, none. Ports come back to their classes.</summary>
    [Fact]
    public void PortsThatDoNotLeadHomeAreTheLast()
    {
        const int Workers = 2, Own = (65_536 - Limits.SourcePortMin) / Workers;
        Start(Workers, 128, c =>
        {
            c.Service(Vip, 80, Wire.Udp, Scheduler.Maglev, 251, (c.Interface(0, 0, "172.16.58.2"), "10.1.0.7", 1));
            c.FullNat(1, 8080, "10.1.0.200");
        }, flows: 65_536);
        HashSet<int> seen = [];
        int home = 0, away = 0, none = 0;
        for (int n = 0; seen.Count < Own + 10; n++)
        {
            string client = $"192.0.{2 + (n / 60_000)}.9";
            int port = 1024 + (n % 60_000);
            if (Arrival(client, port, Vip, 80, 128, Workers) == 0)
            {
                _workers[0].Run(0, Frames.Of(Packet(Wire.Udp, client, port, Vip, 80), EngineOwnMac, EngineOwnMac));
                if (_workers[0].Burst->VerdictOf(0) != Verdict.Forward)
                {
                    none++;
                    if (none == 10)
                    {
                        break;
                    }

                    continue;
                }

                int local = SourceOf([.. _workers[0].Frame(0)[14..]]).Port;
                Assert.True(seen.Add(local), $"port {local} twice");
                bool leadsHome = Arrival("10.1.0.7", 8080, "10.1.0.200", local, 128, Workers) == 0;
                Assert.True(leadsHome || away > 0 || home >= Own * 4 / 10, $"after {home}");
                (home, away) = leadsHome ? (home + 1, away) : (home, away + 1);
            }
        }

        Assert.Equal((Own, 10), (home + away, none));
        Assert.InRange(home, Own * 4 / 10, Own * 6 / 10);
    }

    private const ulong EngineOwnMac = 0x0100_0000_0002;

    private void Start(int workers, uint classes, Action<ContentBuilder> service, int flows = 1024)
    {
        ContentBuilder content = new();
        service(content);
        _workers = [.. Enumerable.Range(0, workers).Select(_ => new EngineRig(flows))];
        for (int worker = 0; worker < workers; worker++)
        {
            _workers[worker].BeWorker(worker, workers, classes);
            _workers[worker].Publish(content.Content);
            _workers[worker].ResolveAll(content.Content);
        }
    }

    /// <summary>Worker whose queue a port's Toeplitz hash and table choose.</summary>
    private static int Arrival(string from, int fromPort, string to, int toPort, int classes, int workers) =>
        (int)(Toeplitz(s_key, Input(from, fromPort, to, toPort)) & (uint)(classes - 1)) % workers;

    private static byte[] Packet(byte protocol, string from, int fromPort, string to, int toPort) => Ip.Packet(protocol, from, fromPort, to, toPort, [1, 2], 64, Wire.Syn);

    private (Verdict Verdict, int To) Elsewhere(int worker, byte[] packet)
    {
        _workers[worker].Run(0, Frames.Of(packet, EngineOwnMac, EngineOwnMac));
        return (_workers[worker].Burst->VerdictOf(0), (int)_workers[worker].Burst->NextHop[0]);
    }

    private byte[] Run(int worker, byte[] packet)
    {
        _workers[worker].Run(0, Frames.Of(packet, EngineOwnMac, EngineOwnMac));
        Assert.Equal((Verdict.Forward, DropReason.None), (_workers[worker].Burst->VerdictOf(0), (DropReason)_workers[worker].Burst->Reason[0]));
        return [.. _workers[worker].Frame(0)[14..]];
    }

    private static (string Address, int Port) SourceOf(byte[] packet)
    {
        bool v6 = packet[0] >> 4 == 6;
        return (new IPAddress(packet.AsSpan(v6 ? 8 : 12, v6 ? 16 : 4)).ToString(), BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(v6 ? 40 : 20)));
    }
}
