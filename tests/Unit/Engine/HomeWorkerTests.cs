using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Flows behind NAT live at one worker, wherever their packets arrive.</summary>
public sealed unsafe class HomeWorkerTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd16::100", Rip = "172.16.58.7", Rip6 = "fd16::7";
    private const int Workers = 3, Clients = 600;
    private readonly EngineRig[] _workers = [.. Enumerable.Range(0, Workers).Select(_ => new EngineRig())];

    public HomeWorkerTests()
    {
        for (int worker = 0; worker < Workers; worker++)
        {
            _workers[worker].BeWorker(worker, Workers);
        }
    }

    public void Dispose()
    {
        foreach (EngineRig worker in _workers)
        {
            worker.Dispose();
        }
    }

    private void Service(bool v6, byte protocol, bool nat = true)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "172.16.58.2");
        content.Service(v6 ? Vip6 : Vip, 80, protocol, Scheduler.Maglev, 251, (lan, v6 ? Rip6 : Rip, 1));
        if (nat)
        {
            content.Nat(1, 8080);
        }

        foreach (EngineRig worker in _workers)
        {
            worker.Publish(content.Content);
            worker.ResolveAll(content.Content);
        }
    }

    private static string Client(bool v6, int n) => v6 ? $"2001:db8::{n:x}" : $"192.0.{n >> 8}.{n & 255}";

    private static int ClientPort(int n) => 1024 + (n * 7);

    private static byte[] Request(bool v6, byte protocol, int n) => protocol == Wire.Udp
        ? Frames.L4(Client(v6, n), ClientPort(n), v6 ? Vip6 : Vip, 80, protocol)
        : Frames.L4(Client(v6, n), ClientPort(n), v6 ? Vip6 : Vip, 80, tcpFlags: Wire.Syn);

    private static byte[] Answer(bool v6, byte protocol, int n) => Frames.L4(v6 ? Rip6 : Rip, 8080, Client(v6, n), ClientPort(n), protocol);

    private (Verdict Verdict, int To) Run(int worker, byte[] frame)
    {
        _workers[worker].Run(0, frame);
        return (_workers[worker].Burst->VerdictOf(0), (int)_workers[worker].Burst->NextHop[0]);
    }

    /// <summary>All workers but one name that one, for requests and replies; the homes get even shares.</summary>
    [Theory]
    [InlineData(false, Wire.Tcp)]
    [InlineData(false, Wire.Udp)]
    [InlineData(true, Wire.Tcp)]
    [InlineData(true, Wire.Udp)]
    public void BothDirectionsComeToOneHome(bool v6, byte protocol)
    {
        Service(v6, protocol);
        int[] flows = new int[Workers];
        for (int n = 1; n <= Clients; n++)
        {
            int home = Enumerable.Range(0, Workers).Single(w => Run(w, Request(v6, protocol, n)).Verdict == Verdict.Forward);
            flows[home]++;
            for (int worker = 0; worker < Workers; worker++)
            {
                Assert.Equal(worker == home ? Verdict.Forward : Verdict.HandOver, Run(worker, Answer(v6, protocol, n)).Verdict);
                if (worker != home)
                {
                    Assert.Equal((Verdict.HandOver, home), Run(worker, Answer(v6, protocol, n)));
                    Assert.Equal((Verdict.HandOver, home), Run(worker, Request(v6, protocol, n)));
                }
            }
        }

        for (int worker = 0; worker < Workers; worker++)
        {
            Assert.Equal((ulong)flows[worker], _workers[worker].Counters.FlowsCreated);
            Assert.InRange(flows[worker], Clients / Workers * 3 / 4, Clients / Workers * 5 / 4);
        }
    }

    [Fact]
    public void WhatIsHandedOverIsAsItCame()
    {
        Service(v6: false, Wire.Tcp);
        for (int n = 1; n <= 20; n++)
        {
            foreach (byte[] sent in (byte[][])[Request(false, Wire.Tcp, n), Answer(false, Wire.Tcp, n)])
            {
                if (Run(0, sent).Verdict == Verdict.HandOver)
                {
                    Assert.True(_workers[0].Frame(0).SequenceEqual(sent));
                }
            }
        }
    }

    /// <summary>An ICMP error about a client's packet or a reply goes where the flow is.</summary>
    [Fact]
    public void ErrorsComeHomeToo()
    {
        Service(v6: false, Wire.Udp);
        for (int n = 1; n <= 20; n++)
        {
            byte[] sent = Request(false, Wire.Udp, n);
            int home = Enumerable.Range(0, Workers).Single(w => Run(w, sent).Verdict == Verdict.Forward);
            byte[] toServer = [.. _workers[home].Frame(0)[14..]], answer = Answer(false, Wire.Udp, n)[14..];
            IPAddress.Parse(Vip).GetAddressBytes().CopyTo(answer, 12);
            (answer[20], answer[21]) = (0, 80);
            foreach ((string to, byte[] quoted) in new[] { (Client(false, n), toServer), (Vip, answer) })
            {
                byte[] error = [.. sent[..14], .. Ip.Finish(Ip.V4("198.51.100.1", to, Wire.Icmp, [3, 1, 0, 0, 0, 0, 0, 0, .. quoted[..28]]))];
                for (int worker = 0; worker < Workers; worker++)
                {
                    Assert.Equal(worker == home ? Verdict.Forward : Verdict.HandOver, Run(worker, error).Verdict);
                    Assert.True(worker == home || (int)_workers[worker].Burst->NextHop[0] == home);
                }
            }
        }
    }

    [Fact]
    public void DirectRoutingIsNeverHandedOver()
    {
        Service(v6: false, Wire.Tcp, nat: false);
        for (int n = 1; n <= 50; n++)
        {
            Assert.Equal(Verdict.Forward, Run(n % Workers, Request(false, Wire.Tcp, n)).Verdict);
        }
    }
}
