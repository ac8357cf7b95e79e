using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Tunnels whose far end is the kernel's own: devices of ipip, sit, ip6_tunnel, fou and GRE in user-mode Linux, set up as docs/methods.md says. An upload to nginx there and questions to a name server.</summary>
public sealed class KernelTunnelTests(KernelTunnelBed bed) : IClassFixture<KernelTunnelBed>
{
    private const int DnsPort = 53, TimeoutS = 30;

    public static TheoryData<string, bool, bool> Tunnels
    {
        get
        {
            TheoryData<string, bool, bool> tunnels = [];
            foreach (string kind in (string[])["", " --tun-type gue --tun-port 6080", " --tun-type gue --tun-port 6080 --tun-csum", " --tun-type gre", " --tun-type gre --tun-csum"])
            {
                foreach ((bool vip6, bool rip6) in (ReadOnlySpan<(bool, bool)>)[(false, false), (true, true), (true, false), (false, true)])
                {
                    tunnels.Add(kind, vip6, rip6);
                }
            }

            return tunnels;
        }
    }

    [Theory]
    [MemberData(nameof(Tunnels))]
    public void The_kernel_takes_what_the_director_encapsulates(string kind, bool vip6, bool rip6)
    {
        string vip = vip6 ? S1Lab.VipV6 : S1Lab.Vip, shown = vip6 ? $"[{vip}]" : vip;
        Ipvsadm("-C");
        foreach (string service in (string[])[$"-t {shown}:80", $"-t {shown}:{DnsPort}", $"-u {shown}:{DnsPort}"])
        {
            Ipvsadm($"-A {service} -s wlc");
            Ipvsadm($"-a {service} -r {(rip6 ? KernelTunnelBed.Address6 : KernelTunnelBed.Address)} -i{kind}");
        }

        string[] devices = kind.Contains("gre --tun-csum", StringComparison.Ordinal) ? ["gre9 type gre local " + KernelTunnelBed.Address, "gre96 type ip6gre local " + KernelTunnelBed.Address6] : [];
        Array.ForEach(devices, d => bed.Guest.Run($"ip link add {d} icsum"));
        Array.ForEach(devices, d => bed.Guest.Run($"ip link set {d.Split(' ')[0]} up && echo 0 >{d.Split(' ')[0]}/rp_filter"));
        bed.Lab.Client.Run("ip -4 route flush cache");
        bed.Lab.Client.Run("ip -6 route flush cache");
        foreach (string protocol in (string[])["+notcp", "+tcp"])
        {
            Assert.Equal(KernelTunnelBed.HostAddress, bed.Lab.Client.Run($"dig {protocol} +short +time=5 +tries=3 @{vip} {KernelTunnelBed.HostName} A").Trim());
        }

        bed.Lab.Client.Run($"curl -s -S -f -g -m {TimeoutS} -T {bed.Upload} http://{shown}/put");
        Assert.Equal(bed.Hash, bed.Guest.Run("sha256sum /run/files/put").Split(' ')[0]);
        bed.Guest.Run("rm /run/files/put");
        Array.ForEach(devices, d => bed.Guest.Run($"ip link del {d.Split(' ')[0]}"));
    }

    private void Ipvsadm(string arguments)
    {
        CommandResult result = bed.Lab.Director.Ipvsadm(arguments);
        Assert.True(result.ExitCode == 0, $"ipvsadm {arguments}: {result.Errors}");
    }
}
