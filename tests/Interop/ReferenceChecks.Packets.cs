namespace Forwarder.Interop.Tests;

/// <content>Checks of what becomes of packets.</content>
public static partial class ReferenceChecks
{
    private static string WeightZero(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        bed.Ipvsadm($"-e -t {Vip}:{port} {Real(Address(server), method)} {Flag(method)} -w 0");
        string open = flow.SendAgain(Packet.Ack, server);
        IEnumerable<string> others = Enumerable.Range(0, 4).Select(_ => new ReferenceFlow(bed, port).SendAgain(Packet.Syn, server)).Distinct();
        return $"{open}; {string.Join(" and ", others)}";
    }

    private static string Removed(ReferenceBed bed, string method, int expireNoDest)
    {
        bed.Set("expire_nodest_conn", expireNoDest);
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        bed.Ipvsadm($"-d -t {Vip}:{port} {Real(Address(server), method)}");
        string seen = $"{flow.SendAgain(Packet.Ack, server)}; {flow.SendAgain(Packet.Ack, server)}";
        bed.Set("expire_nodest_conn", 0);
        return seen;
    }

    private static string RemovedAndBack(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        bed.Ipvsadm($"-d -t {Vip}:{port} {Real(Address(server), method)}");
        bed.Ipvsadm($"-a -t {Vip}:{port} {Real(Address(server), method)} {Flag(method)} -w 1");
        return flow.SendAgain(Packet.Ack, server);
    }

    private static string NoServer(ReferenceBed bed, string method)
    {
        int port = bed.NewServicePort();
        bed.Ipvsadm("-C");
        bed.Ipvsadm($"-A -t {Vip}:{port} -s wlc");
        bed.Ipvsadm($"-A -u {Vip}:{port} -s wlc");
        return $"{new ReferenceFlow(bed, port).Send(Packet.Syn)}; {SendUdp(bed, port)}";
    }

    private static string AllQuiet(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        bed.Ipvsadm($"-e -t {Vip}:{port} {Real(FirstServer, method)} {Flag(method)} -w 0");
        bed.Ipvsadm($"-e -t {Vip}:{port} {Real(SecondServer, method)} {Flag(method)} -w 0");
        return new ReferenceFlow(bed, port).Send(Packet.Syn);
    }

    private static string NoService(ReferenceBed bed, string method)
    {
        Service(bed, method);
        int other = bed.NewServicePort();
        return $"{new ReferenceFlow(bed, other).Send(Packet.Syn)}; {SendUdp(bed, other)}";
    }

    private static string NotSyn(ReferenceBed bed, string method, int sloppy)
    {
        bed.Set("sloppy_tcp", sloppy);
        ReferenceFlow flow = New(bed, method);
        string seen = flow.Send(Packet.Ack).StartsWith("rs", StringComparison.Ordinal) ? "a server" : flow.Last;
        bed.Set("sloppy_tcp", 0);
        return seen;
    }

    private static string PortReuse(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        flow.Send(Packet.Fin | Packet.Ack);
        if (method == "nat")
        {
            Reply(bed, flow, server, Packet.Fin | Packet.Ack);
            flow.Send(Packet.Ack);
        }

        bed.Ipvsadm($"-e -t {Vip}:{port} {Real(Address(server), method)} {Flag(method)} -w 0");
        return flow.SendAgain(Packet.Syn, server);
    }

    private static string SynOfOpenFlow(ReferenceBed bed, string method)
    {
        ReferenceFlow flow = New(bed, method);
        string server = flow.Open();
        return $"{flow.SendAgain(Packet.Syn, server)}, {State(bed, flow)}";
    }

    /// <summary>An error about a server's packet to the client, sent to the VIP.</summary>
    private static string ErrorFromRouter(ReferenceBed bed, string method, byte code)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        byte[] about = Packet.TcpSegment(Vip, port, ReferenceBed.Client, flow.ClientPort, Packet.Ack);
        string seen = bed.Send(Packet.Error("172.16.0.1", Vip, 3, code, 1_400, about), p => p[9] == Packet.Icmp);
        if (seen != server)
        {
            return seen;
        }

        byte[] quoted = Packet.Quoted(bed.Found);
        string where = Packet.Destination(bed.Found), from = $"{Packet.Source(quoted)}:{Packet.SourcePort(quoted)}";
        string expected = method == "nat" ? $"{Address(server)}:{ServerPort}" : $"{Vip}:{port}";
        string told = where == expected.Split(':')[0] && from == expected ? "its server" : $"its server, to {where} about {from}";
        return Packet.HasRightSums(bed.Found) ? told : $"{told}, wrong checksum";
    }

    private static string ErrorAboutNothing(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        byte[] about = Packet.TcpSegment(Vip, port, ReferenceBed.Client, bed.NewClientPort(), Packet.Ack);
        return bed.Send(Packet.Error("172.16.0.1", Vip, 3, 4, 1_400, about), p => p[9] == Packet.Icmp);
    }

    private static string Echo(ReferenceBed bed, string method)
    {
        Service(bed, method);
        return bed.Send(Packet.Echo(ReferenceBed.Client, Vip, bed.NewClientPort()), p => p[9] == Packet.Icmp);
    }

    private static string Ttl(ReferenceBed bed, string method)
    {
        string seen = New(bed, method).Send(Packet.Syn);
        return bed.Found.Length > 0 ? $"{bed.Found[8]}" : seen;
    }

    private static string TtlOne(ReferenceBed bed, string method)
    {
        string seen = New(bed, method).Send(Packet.Syn, ttl: 1);
        return seen.StartsWith("rs", StringComparison.Ordinal) ? "a server" : seen;
    }

    private static string TooLong(ReferenceBed bed, string method)
    {
        ReferenceFlow flow = New(bed, method);
        string server = flow.Open();
        return flow.SendFull() == server ? "its server" : flow.Last;
    }

    private static string Replies(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string known = Reply(bed, flow, flow.Send(Packet.Syn), Packet.Syn | Packet.Ack).Replace($":{port}", ":PORT", StringComparison.Ordinal);
        ReferenceFlow unknown = new(bed, port);
        return $"{known}; {Reply(bed, unknown, "rs7", Packet.Syn | Packet.Ack)}";
    }

    private static string ErrorFromServer(ReferenceBed bed, string method)
    {
        int port = Service(bed, method, "-u"), client = bed.NewClientPort();
        byte[] datagram = Packet.UdpDatagram(ReferenceBed.Client, client, Vip, port);
        string server = bed.Send(datagram, p => p[9] == Packet.Udp && Packet.SourcePort(p) == client);
        byte[] about = Packet.UdpDatagram(ReferenceBed.Client, client, Address(server), ServerPort);
        string seen = bed.SendFromServer(server == "rs7" ? 0 : 1, Packet.Error(Address(server), ReferenceBed.Client, 3, 3, 0, about), p => p[9] == Packet.Icmp);
        byte[] quoted = bed.Found.Length > 0 ? Packet.Quoted(bed.Found) : [];
        return quoted.Length > 0 && Packet.Destination(quoted) == Vip && Packet.DestinationPort(quoted) == port && Packet.HasRightSums(bed.Found) ? $"{seen}, about the VIP" : seen;
    }

    /// <summary>A server behind NAT answers.</summary>
    private static string Reply(ReferenceBed bed, ReferenceFlow flow, string server, byte flags) => bed.SendFromServer(
        server == "rs7" ? 0 : 1,
        Packet.TcpSegment(Address(server), ServerPort, ReferenceBed.Client, flow.ClientPort, flags),
        p => p[9] == Packet.Tcp && (Packet.DestinationPort(p) == flow.ClientPort || Packet.SourcePort(p) == flow.ClientPort)
            || (p[9] == Packet.Icmp && p[20] == 3));

    private static string SendUdp(ReferenceBed bed, int port)
    {
        int client = bed.NewClientPort();
        byte[] datagram = Packet.UdpDatagram(ReferenceBed.Client, client, Vip, port);
        return bed.Send(datagram, p => p[9] == Packet.Icmp ? p[20] == 3 && Packet.SourcePort(Packet.Quoted(p)) == client : Packet.SourcePort(p) == client);
    }
}
