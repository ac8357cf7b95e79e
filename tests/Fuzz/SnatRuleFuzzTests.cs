using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Which rule of SNAT takes a packet, of random rules whose prefixes are in each other, against the rules read one by one.</summary>
public sealed unsafe class SnatRuleFuzzTests : IDisposable
{
    private const ulong HostMac = 0x070000000002;
    private const int RulesMax = 140, PacketsOfRules = 200, AddressBits = 6;
    private readonly EngineRig _rig = new(flows: 4096, FuzzNetwork.PortMac, FuzzNetwork.PortMac + (1UL << 40));
    private readonly Dictionary<(IPAddress From, int Port, IPAddress To), Rule> _flows = [];
    private byte _incarnation = 1;
    private long _none, _byFirst, _byLater;

    private sealed record Rule(int Server, IPNetwork[] Sources, IPNetwork[] Destinations, IPNetwork[] Except, int Port)
    {
        public bool Takes(IPAddress from, IPAddress to, int port) =>
            Sources.Any(s => s.Contains(from)) && Destinations.Any(d => d.Contains(to)) && !Except.Any(e => e.Contains(to)) && (Port < 0 || Port == port);
    }

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void The_first_rule_that_takes_a_packet_counts()
    {
        using FuzzRun run = new("snat rules");
        while (run.GoesUntil(() => _none > 0 && _byFirst > 0 && _byLater > 0))
        {
            List<Rule> rules = Publish(run);
            for (int n = 0; n < PacketsOfRules; n++)
            {
                Packet(run, rules);
            }
        }

        Assert.True(_none > 0 && _byFirst > 0 && _byLater > 0);
    }

    private void Packet(FuzzRun run, List<Rule> rules)
    {
        Random random = run.Random;
        bool v6 = random.Next(2) == 0;
        IPAddress from = Address(random, v6 ? "fd17::" : "10.1.0.0"), to = Address(random, v6 ? "2001:db8::" : "198.51.100.0");
        int arrival = random.Next(2), port = random.Next(1, 3);
        Rule? right = Right(rules, (from, port, to), arrival);
        byte[] ip = Ip.Packet(17, from.ToString(), port, to.ToString(), 80);
        run.Trying(ip);
        _rig.Run(arrival, Frames.Of(ip, FuzzNetwork.PortMac + ((ulong)arrival << 40), HostMac));
        Verdict became = _rig.Burst->VerdictOf(0);
        run.Require(right == null ? became == Verdict.Punt : became == Verdict.Forward && (int)_rig.Burst->Server[0] == right.Server, $"{became} by server {_rig.Burst->Server[0]} where {right?.Server} is right", ip);
        _none += right == null ? 1 : 0;
        _byFirst += right == rules[0] ? 1 : 0;
        _byLater += right != null && right != rules[0] ? 1 : 0;
    }

    /// <summary>A flow keeps its rule as long as that takes its packets.</summary>
    private Rule? Right(List<Rule> rules, (IPAddress From, int Port, IPAddress To) flow, int arrival)
    {
        if (_flows.TryGetValue(flow, out Rule? own) && own.Takes(flow.From, flow.To, arrival))
        {
            return own;
        }

        Rule? first = rules.Find(r => r.Takes(flow.From, flow.To, arrival));
        if (first != null)
        {
            _flows[flow] = first;
        }

        return first;
    }

    private List<Rule> Publish(FuzzRun run)
    {
        Random random = run.Random;
        ContentBuilder builder = new();
        builder.Interface(0, 0, "10.0.0.1");
        ushort wan = builder.Interface(1, 0, "192.0.2.1");
        (uint, uint) pool4 = builder.Pool("192.0.2.200"), pool6 = builder.Pool("fd18::200");
        List<Rule> rules = [];
        for (int n = random.Next(1, random.Next(4) == 0 ? RulesMax : 6); n > 0; n--)
        {
            bool v6 = random.Next(2) == 0;
            string[] sources = Prefixes(random, v6 ? "fd17::" : "10.1.0.0", least: 1), destinations = Prefixes(random, v6 ? "2001:db8::" : "198.51.100.0", least: 1), except = Prefixes(random, v6 ? "2001:db8::" : "198.51.100.0", least: 0);
            int port = random.Next(3) - 1;
            int server = builder.Snat(wan, v6 ? "fd18::fe" : "192.0.2.254", v6 ? pool6 : pool4, sources, destinations, except, port < 0 ? SnatRuleEntry.AnyInterface : (ushort)port);
            rules.Add(new Rule(server, [.. sources.Select(IPNetwork.Parse)], [.. destinations.Select(IPNetwork.Parse)], [.. except.Select(IPNetwork.Parse)], port));
        }

        // Other source addresses: flows of the rules before end.
        _incarnation ^= 3;
        for (int slot = 1; slot < builder.Content.Sources.Count; slot++)
        {
            builder.Content.Sources[slot] = builder.Content.Sources[slot] with { Incarnation = _incarnation };
        }

        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
        _rig.State->NowMs += FlowSweep.RoundMs;
        while (FlowSweep.IsOwed(_rig.State))
        {
            FlowSweep.Run(_rig.State);
        }

        _flows.Clear();
        run.Require(_rig.State->Flows6.Count == 0, $"{_rig.State->Flows6.Count} flows are left", []);
        return rules;
    }

    private static string[] Prefixes(Random random, string network, int least)
    {
        string[] prefixes = new string[random.Next(least, 4)];
        for (int n = 0; n < prefixes.Length; n++)
        {
            byte[] address = IPAddress.Parse(network).GetAddressBytes();
            int bits = random.Next(16) == 0 ? address.Length * 8 : random.Next(AddressBits + 1);
            address[^1] = (byte)(bits > 8 ? 0 : (random.Next(1 << AddressBits) >> bits) << bits);
            prefixes[n] = bits > 8 ? (address.Length == 4 ? "0.0.0.0/0" : "::/0") : $"{new IPAddress(address)}/{(address.Length * 8) - bits}";
        }

        return prefixes;
    }

    private static IPAddress Address(Random random, string network)
    {
        byte[] address = IPAddress.Parse(network).GetAddressBytes();
        address[^1] = (byte)random.Next((1 << AddressBits) + 2);
        address[^2] ^= random.Next(16) == 0 ? (byte)1 : (byte)0;
        return new IPAddress(address);
    }
}
