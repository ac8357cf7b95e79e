using System.Net.Sockets;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>IPv6 clients of servers that have IPv4 alone (method fullnat); Linux on both sides.</summary>
public sealed class Nat64Tests : IDisposable
{
    private const string Source = "172.16.58.200", ClientAddress6 = "fd16::1";
    private const int TransferPort = 8080, ServerPort = 8081, SctpPort = 3868, ClosedPort = 9, TransferBytes = 3_000_000, Datagrams = 30, DatagramBytesMax = 1_400;
    private readonly S1Lab _lab = new();

    public Nat64Tests()
    {
        try
        {
            _lab.Director.AddSourcePool(Source);
            _lab.Director.Start();
            foreach (RealServerHost server in _lab.RealServers)
            {
                server.Netns.Run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
            }
        }
        catch
        {
            _lab.Dispose();
            throw;
        }
    }

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Pages_transfers_datagrams_and_associations_pass()
    {
        Service("-t", 80, 80);
        Service("-t", TransferPort, ServerPort);
        Service("-u", TransferPort, ServerPort);
        Service("--sctp-service", SctpPort, ServerPort);
        Assert.Equal(Source, _lab.Client.Run($"curl -s -g -m 5 http://[{S1Lab.VipV6}]/client"));
        List<Transfer> servers = [.. _lab.RealServers.Select(s => new Transfer(s.Netns, ServerPort, s.Address))];
        List<SctpPeer> peers = [.. _lab.RealServers.Select(s => new SctpPeer(s.Netns, s.Address, ServerPort, _lab.Folder))];
        try
        {
            for (int seed = 1; seed <= 2; seed++)
            {
                Assert.True(Transfer.Run(_lab.Client, S1Lab.VipV6, TransferPort, TransferBytes, seed), "what arrived differs");
            }

            Assert.Empty(Transfer.Echo(_lab.Client, S1Lab.VipV6, TransferPort, Datagrams, DatagramBytesMax));
            Assert.Equal("same", SctpPeer.Transfer(_lab.Client, ClientAddress6, S1Lab.VipV6, SctpPort, TransferBytes, _lab.Folder));
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
            peers.ForEach(p => p.Dispose());
        }
    }

    /// <summary>A datagram to a closed port: the server's ICMP error becomes one of ICMPv6 about the VIP.</summary>
    [Fact]
    public void A_servers_ICMP_error_reaches_the_clients_program()
    {
        Service("-u", TransferPort, ClosedPort);
        Assert.Equal(SocketError.ConnectionRefused, Transfer.DatagramError(_lab.Client, S1Lab.VipV6, TransferPort));
    }

    private void Service(string protocol, int port, int serverPort)
    {
        _lab.Director.MustIpvsadm($"-A {protocol} [{S1Lab.VipV6}]:{port} -s wlc");
        foreach (RealServerHost server in _lab.RealServers)
        {
            _lab.Director.MustIpvsadm($"-a {protocol} [{S1Lab.VipV6}]:{port} -r {server.Address}:{serverPort} -b");
        }
    }
}
