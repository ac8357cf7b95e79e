using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>The kernel's IPVS, with the addresses of our director.</summary>
public sealed class IpvsBed : ReferenceBed
{
    private readonly UmlGuest _guest;

    public IpvsBed()
        : base(new S1Lab())
    {
        try
        {
            Lab.Switch.Ip("link set p-dir down");
            _guest = new UmlGuest(Lab.Switch, "lvs", Mac, Lab.Folder, "nf_conntrack", "ip_vs", "ip_vs_wlc");
            _guest.Run($"ip addr add {S1Lab.Dip} dev {UmlGuest.Port} && ip addr add {S1Lab.Vip}/32 dev {UmlGuest.Port}");
            _guest.Run($"ip addr add {S1Lab.DipV6} dev {UmlGuest.Port} nodad && ip addr add {S1Lab.VipV6}/128 dev {UmlGuest.Port} nodad");
            _guest.Run("cd /proc/sys/net/ipv4; echo 1 >ip_forward; for i in all default vec0; do echo 0 >conf/$i/rp_filter; echo 0 >conf/$i/send_redirects; done; echo 1 >../ipv6/conf/all/forwarding");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Name => "IPVS";

    public override void Set(string name, int value) => _guest.Run($"echo {value} >/proc/sys/net/ipv4/vs/{name}");

    public override void Dispose()
    {
        _guest?.Dispose();
        base.Dispose();
    }

    protected override CommandResult TryIpvsadm(string arguments) => _guest.Try($"ipvsadm {arguments}");
}
