using System.Globalization;
using System.Text.RegularExpressions;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>What LVS users rely on, one method per behaviour: each does the same to any director and says in a few words what it saw.</summary>
public static partial class ReferenceChecks
{
    private const int ServerPort = 8081;
    private static readonly string[] s_all = ["dr", "tunnel", "nat", "dr6", "tunnel6", "nat6"], s_dr = ["dr", "dr6"], s_router = ["tunnel", "nat", "tunnel6", "nat6"], s_nat = ["nat", "nat6"], s_drAndNat = ["dr", "nat", "dr6", "nat6"];

    /// <summary>The checks, with the methods for which each is run; a 6 after it is IPv6, and not said to the check.</summary>
    public static IReadOnlyDictionary<string, (string[] Methods, Func<ReferenceBed, string, string> Run)> All { get; } = new Dictionary<string, (string[], Func<ReferenceBed, string, string>)>
    {
        ["30 new flows, wlc, weights 2 and 1"] = (s_all, Distribution),
        ["two idle servers, added rs7, rs8: the first flow"] = (s_dr, (bed, method) => New(bed, method).Send(Packet.Syn)),
        ["`ipvsadm -L -n` with 3 SYNs and 1 open flow"] = (s_all, Listing),
        ["connection states after SYN, ACK, FIN, and after RST"] = (s_dr, States),
        ["connection states after SYN, the server's SYN+ACK, ACK, FIN, the server's FIN, ACK"] = (s_nat, StatesWithReplies),
        ["`ipvsadm -L -n` with 2 UDP flows"] = (s_dr, UdpListing),
        ["`ipvsadm -L --timeout`"] = (s_dr, (bed, _) => bed.Ipvsadm("-L --timeout").Trim()),
        ["weight 0: an open flow; new flows"] = (s_all, WeightZero),
        ["server removed, `expire_nodest_conn=0`: the next two segments"] = (s_all, (bed, method) => Removed(bed, method, 0)),
        ["server removed, `expire_nodest_conn=1`: the next two segments"] = (s_all, (bed, method) => Removed(bed, method, 1)),
        ["server removed and added again: the next segment"] = (s_dr, RemovedAndBack),
        ["upper threshold 2 for rs7: servers of 8 SYNs"] = (s_dr, UpperThreshold),
        ["upper threshold 2 for each: the fifth SYN"] = (s_dr, AllOverloaded),
        ["no server: SYN; UDP"] = (s_dr, NoServer),
        ["all servers have weight 0: SYN"] = (s_dr, AllQuiet),
        ["VIP, but no service: SYN; UDP"] = (s_dr, NoService),
        ["first segment is no SYN, `sloppy_tcp=0`"] = (s_all, (bed, method) => NotSyn(bed, method, 0)),
        ["first segment is no SYN, `sloppy_tcp=1`"] = (s_dr, (bed, method) => NotSyn(bed, method, 1)),
        ["first segment is RST"] = (s_dr, (bed, method) => New(bed, method).Send(Packet.Rst)),
        ["SYN on the port of a flow after FIN, its server has weight 0"] = (s_all, PortReuse),
        ["SYN on the port of an open flow"] = (s_dr, SynOfOpenFlow),
        ["fragmentation needed from a router, about a flow"] = (s_all, (bed, method) => ErrorFromRouter(bed, method, IcmpKind.TooBig)),
        ["port unreachable from the client, about a flow"] = (s_all, (bed, method) => ErrorFromRouter(bed, method, IcmpKind.PortUnreachable)),
        ["ICMP error to the VIP about no known flow"] = (s_dr, ErrorAboutNothing),
        ["echo request to the VIP"] = (s_dr, Echo),
        ["TTL 64 at the server"] = (s_all, Ttl),
        ["TTL 1"] = (s_all, TtlOne),
        ["1,500 bytes with DF, link of 1,500"] = (s_router, (bed, method) => TooLong(bed, method)),
        ["reply of an open flow; of an unknown flow"] = (s_nat, Replies),
        ["port unreachable from the server"] = (s_nat, ErrorFromServer),
        ["SCTP: 30 associations, wlc, weights 2 and 1"] = (s_drAndNat, SctpDistribution),
        ["SCTP: `ipvsadm -L -n` with one INIT and one open association"] = (s_drAndNat, SctpListing),
        ["SCTP: states and time-outs after INIT, INIT, COOKIE ECHO, DATA, SHUTDOWN, SHUTDOWN COMPLETE"] = (s_dr, SctpStates),
        ["SCTP: the same after INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE"] = (s_nat, SctpStatesWithReplies),
        ["SCTP: the same after INIT, the server's ABORT"] = (s_nat, SctpRejected),
        ["SCTP: INIT alone, after its time-out"] = (["dr"], SctpExpiry),
        ["SCTP: no server: INIT"] = (s_dr, SctpNoServer),
        ["SCTP: first chunk is DATA, `sloppy_sctp=0`"] = (s_dr, (bed, method) => SctpNotInit(bed, method, 0)),
        ["SCTP: first chunk is DATA, `sloppy_sctp=1`"] = (s_dr, (bed, method) => SctpNotInit(bed, method, 1)),
        [$"curl gets {FileBytes / 1_000_000} MB and puts them back"] = (s_all, Curl),
        ["iperf3, TCP and UDP, both ways"] = (s_all, Iperf3),
        ["dig by UDP and by TCP"] = (s_all, Dig),
        ["ping of the VIP"] = (s_all, Ping),
    };

    private static string Flag(string method) => method switch { "dr" => "-g", "tunnel" => "-i", _ => "-m" };

    private static string Real(ReferenceBed bed, string server, string method) => $"-r {(method == "nat" ? $"{bed.Shown(bed.Address(server))}:{ServerPort}" : bed.Address(server))}";

    /// <summary>A service with both servers, weights 2 and 1; all others are removed. Returns its port.</summary>
    private static int Service(ReferenceBed bed, string method, string protocol = "-t")
    {
        int port = bed.NewServicePort();
        bed.Ipvsadm("-C");
        bed.Ipvsadm($"-A {protocol} {bed.Service(port)} -s wlc");
        bed.Ipvsadm($"-a {protocol} {bed.Service(port)} {Real(bed, "rs7", method)} {Flag(method)} -w 2");
        bed.Ipvsadm($"-a {protocol} {bed.Service(port)} {Real(bed, "rs8", method)} {Flag(method)} -w 1");
        return port;
    }

    private static ReferenceFlow New(ReferenceBed bed, string method) => new(bed, Service(bed, method));

    private static string Distribution(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        return Shares(bed, port, 30);
    }

    private static string UpperThreshold(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        bed.Ipvsadm($"-e -t {bed.Service(port)} {Real(bed, "rs7", method)} {Flag(method)} -w 2 -x 2");
        return Shares(bed, port, 8);
    }

    private static string AllOverloaded(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        foreach (string server in (string[])["rs7", "rs8"])
        {
            bed.Ipvsadm($"-e -t {bed.Service(port)} {Real(bed, server, method)} {Flag(method)} -w 1 -x 2");
        }

        Shares(bed, port, 4);
        return new ReferenceFlow(bed, port).Send(Packet.Syn);
    }

    private static string Shares(ReferenceBed bed, int port, int flows) => Shares(Enumerable.Range(0, flows).Select(_ => new ReferenceFlow(bed, port).Send(Packet.Syn)));

    private static string Shares(IEnumerable<string> servers) => string.Join(", ", servers.GroupBy(s => s).OrderBy(g => g.Key).Select(g => $"{g.Key} {g.Count()}"));

    private static string Listing(ReferenceBed bed, string method)
    {
        int port = Service(bed, method);
        for (int i = 0; i < 3; i++)
        {
            new ReferenceFlow(bed, port).Send(Packet.Syn);
        }

        new ReferenceFlow(bed, port).Open();
        return Lines(bed, port, 4);
    }

    /// <summary>The lines of the service when all of its flows are counted, blanks made one; the port's number, which is another in each check, as PORT.</summary>
    private static string Lines(ReferenceBed bed, int port, int flows)
    {
        List<string[]> lines = [];
        Wait.Until(
            () =>
            {
                lines = [.. bed.Ipvsadm("-L -n").Split('\n').Skip(3).Where(l => l.Trim().Length > 0).Select(l => Blanks().Split(l.Trim()))];
                return lines.Skip(1).Sum(l => l.TakeLast(2).Sum(n => int.Parse(n, CultureInfo.InvariantCulture))) == flows;
            },
            $"{bed.Name}: ipvsadm -L -n shows {flows} flows");
        return string.Join("; ", lines.Select(l => string.Join(' ', l).Replace(port.ToString(CultureInfo.InvariantCulture), "PORT", StringComparison.Ordinal)));
    }

    private static string State(ReferenceBed bed, ReferenceFlow flow) => Entry(bed, flow.ClientPort) is { Length: > 0 } entry ? entry[2] : "none";

    /// <summary>The columns of the entry of a flow from this port, none if there is none.</summary>
    private static string[] Entry(ReferenceBed bed, int clientPort) =>
        bed.Ipvsadm("-L -n -c").Split('\n').SingleOrDefault(l => l.Contains($"{bed.Shown(bed.Client)}:{clientPort} ", StringComparison.Ordinal)) is string line ? Blanks().Split(line.Trim()) : [];

    private static string States(ReferenceBed bed, string method)
    {
        ReferenceFlow flow = New(bed, method);
        List<string> states = [];
        foreach (byte flags in (byte[])[Packet.Syn, Packet.Ack, Packet.Fin | Packet.Ack, Packet.Rst])
        {
            flow.Send(flags);
            states.Add(State(bed, flow));
        }

        return string.Join(", ", states);
    }

    private static string StatesWithReplies(ReferenceBed bed, string method)
    {
        ReferenceFlow flow = New(bed, method);
        string server = flow.Send(Packet.Syn);
        List<string> states = [State(bed, flow)];
        Reply(bed, flow, server, Packet.Syn | Packet.Ack);
        states.Add(State(bed, flow));
        flow.Send(Packet.Ack);
        states.Add(State(bed, flow));
        flow.Send(Packet.Fin | Packet.Ack);
        states.Add(State(bed, flow));
        Reply(bed, flow, server, Packet.Fin | Packet.Ack);
        states.Add(State(bed, flow));
        flow.Send(Packet.Ack);
        states.Add(State(bed, flow));
        return string.Join(", ", states);
    }

    private static string UdpListing(ReferenceBed bed, string method)
    {
        int port = Service(bed, method, "-u");
        SendUdp(bed, port);
        SendUdp(bed, port);
        return Lines(bed, port, 2);
    }

    [GeneratedRegex(" +")]
    private static partial Regex Blanks();
}
