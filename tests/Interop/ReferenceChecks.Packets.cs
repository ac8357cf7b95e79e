namespace Forwarder.Interop.Tests;

/// <content>Checks of what becomes of packets.</content>
public static partial class ReferenceChecks
{
    private static string WeightZero(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        bed.Ipvsadm($"-e -t {bed.Service(port)} {Real(bed, server, method)} {Flag(method)} -w 0");
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
        bed.Ipvsadm($"-d -t {bed.Service(port)} {Real(bed, server, method)}");
        string seen = $"{flow.SendAgain(Packet.Ack, server)}; {flow.SendAgain(Packet.Ack, server)}";
        bed.Set("expire_nodest_conn", 0);
        return seen;
    }

    private static string RemovedAndBack(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        bed.Ipvsadm($"-d -t {bed.Service(port)} {Real(bed, server, method)}");
        bed.Ipvsadm($"-a -t {bed.Service(port)} {Real(bed, server, method)} {Flag(method)} -w 1");
        return flow.SendAgain(Packet.Ack, server);
    }

    private static string NoServer(ReferenceBed bed, string method)
    {
        int port = bed.NewServicePort();
        bed.Ipvsadm("-C");
        bed.Ipvsadm($"-A -t {bed.Service(port)} -s wlc");
        bed.Ipvsadm($"-A -u {bed.Service(port)} -s wlc");
        return $"{new ReferenceFlow(bed, port).Send(Packet.Syn)}; {SendUdp(bed, port)}";
    }

    private static string AllQuiet(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        bed.Ipvsadm($"-e -t {bed.Service(port)} {Real(bed, "rs7", method)} {Flag(method)} -w 0");
        bed.Ipvsadm($"-e -t {bed.Service(port)} {Real(bed, "rs8", method)} {Flag(method)} -w 0");
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

        bed.Ipvsadm($"-e -t {bed.Service(port)} {Real(bed, server, method)} {Flag(method)} -w 0");
        return flow.SendAgain(Packet.Syn, server);
    }

    private static string SynOfOpenFlow(ReferenceBed bed, string method)
    {
        ReferenceFlow flow = New(bed, method);
        string server = flow.Open();
        return $"{flow.SendAgain(Packet.Syn, server)}, {State(bed, flow)}";
    }

    /// <summary>An error about a server's packet to the client, sent to the VIP.</summary>
    private static string ErrorFromRouter(ReferenceBed bed, string method, IcmpKind kind)
    {
        int port = Service(bed, method);
        ReferenceFlow flow = new(bed, port);
        string server = flow.Open();
        byte[] about = Packet.TcpSegment(bed.Vip, port, bed.Client, flow.ClientPort, Packet.Ack);
        string seen = bed.Send(Packet.Error(bed.Router, bed.Vip, kind, 1_400, about), Packet.IsError);
        if (seen != server)
        {
            return seen;
        }

        byte[] quoted = Packet.Quoted(bed.Found);
        string where = Packet.Destination(bed.Found), from = $"{bed.Shown(Packet.Source(quoted))}:{Packet.SourcePort(quoted)}";
        string address = method == "nat" ? bed.Address(server) : bed.Vip;
        string told = where == address && from == $"{bed.Shown(address)}:{(method == "nat" ? ServerPort : port)}" ? "its server" : $"its server, to {where} about {from}";
        return Packet.HasRightSums(bed.Found) ? told : $"{told}, wrong checksum";
    }

    private static string ErrorAboutNothing(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        byte[] about = Packet.TcpSegment(bed.Vip, port, bed.Client, bed.NewClientPort(), Packet.Ack);
        return bed.Send(Packet.Error(bed.Router, bed.Vip, IcmpKind.TooBig, 1_400, about), Packet.IsError);
    }

    private static string Echo(ReferenceBed bed, string method)
    {
        Service(bed, method);
        return bed.Send(Packet.Echo(bed.Client, bed.Vip, bed.NewClientPort()), p => Packet.Kind(p) is IcmpKind.EchoRequest or IcmpKind.EchoReply);
    }

    private static string Ttl(ReferenceBed bed, string method)
    {
        string seen = New(bed, method).Send(Packet.Syn);
        return bed.Found.Length > 0 ? $"{Packet.Ttl(bed.Found)}" : seen;
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
        byte[] datagram = Packet.UdpDatagram(bed.Client, client, bed.Vip, port);
        string server = bed.Send(datagram, p => Packet.Protocol(p) == Packet.Udp && Packet.SourcePort(p) == client);
        byte[] about = Packet.UdpDatagram(bed.Client, client, bed.Address(server), ServerPort);
        string seen = bed.SendFromServer(server == "rs7" ? 0 : 1, Packet.Error(bed.Address(server), bed.Client, IcmpKind.PortUnreachable, 0, about), Packet.IsError);
        byte[] quoted = bed.Found.Length > 0 ? Packet.Quoted(bed.Found) : [];
        return quoted.Length > 0 && Packet.Destination(quoted) == bed.Vip && Packet.DestinationPort(quoted) == port && Packet.HasRightSums(bed.Found) ? $"{seen}, about the VIP" : seen;
    }

    /// <summary>A server behind NAT answers.</summary>
    private static string Reply(ReferenceBed bed, ReferenceFlow flow, string server, byte flags) => bed.SendFromServer(
        server == "rs7" ? 0 : 1,
        Packet.TcpSegment(bed.Address(server), ServerPort, bed.Client, flow.ClientPort, flags),
        p => Packet.Protocol(p) == Packet.Tcp ? Packet.DestinationPort(p) == flow.ClientPort || Packet.SourcePort(p) == flow.ClientPort : Packet.IsError(p));

    private static string SendUdp(ReferenceBed bed, int port)
    {
        int client = bed.NewClientPort();
        byte[] datagram = Packet.UdpDatagram(bed.Client, client, bed.Vip, port);
        return bed.Send(datagram, p => Packet.SourcePort(Packet.IsError(p) ? Packet.Quoted(p) : p) == client);
    }
}
