using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <content>Checks with real programs between the kernels of the client and of rs7.</content>
public static partial class ReferenceChecks
{
    /// <summary>What curl gets and puts: two seconds' work for IPVS in user-mode Linux.</summary>
    public const int FileBytes = 100_000_000;

    private static string Curl(ReferenceBed bed, string method) => With(bed, method, Programs.WebPort, "SHA-256 as sent, both ways", p => p.Curl(bed.Vip));

    private static string Iperf3(ReferenceBed bed, string method) => With(bed, method, Programs.IperfPort, "what was sent arrives", p => p.Iperf3(bed.Vip, method == "nat" ? bed.Address("rs7") : bed.Vip));

    private static string Dig(ReferenceBed bed, string method) => With(bed, method, Programs.DnsPort, "right answers", p => p.Dig(bed.Vip));

    private static string Ping(ReferenceBed bed, string method) => With(bed, method, Programs.WebPort, "answered", p => p.Ping(bed.Vip));

    /// <summary>Runs a program against the services on a port, which says what is wrong.</summary>
    private static string With(ReferenceBed bed, string method, int port, string right, Func<Programs, string> run)
    {
        bed.Ipvsadm("-C");
        foreach ((string protocol, _) in Programs.Services.Where(s => s.Port == port))
        {
            bed.Ipvsadm($"-A {protocol} {bed.Service(port)} -s wlc");
            bed.Ipvsadm($"-a {protocol} {bed.Service(port)} -r {bed.Shown(bed.Address("rs7"))}:{port} {Flag(method)}");
        }

        using IDisposable loud = bed.Loud();
        using Decapsulator? end = method == "tunnel" ? new Decapsulator(bed.Programs.Server.Netns) : null;
        using IDisposable? routed = method == "nat" ? bed.Programs.RoutedByDirector() : null;
        string wrong = run(bed.Programs);
        return wrong == "" ? right : wrong;
    }
}
