using System.Security.Cryptography;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Scenario S1 with a further real server that has a kernel of its own.</summary>
public sealed class KernelTunnelBed : IDisposable
{
    public const string Address = "172.16.58.9", Address6 = "fd16::9", HostName = "www.test", HostAddress = "192.0.2.53";
    private const int UploadBytes = 4_000_000;
    private const string Mac = "02:00:00:00:00:09";
    private static readonly string[] s_devices = ["tunl0", "sit0", "ip6tnl0", "gre0", "ip6gre0"];

    public KernelTunnelBed()
    {
        Lab = new S1Lab();
        try
        {
            Guest = new UmlGuest(Lab.Switch, "rs9", Mac, Lab.Folder, "ipip", "sit", "ip6_tunnel", "fou", "fou6", "ip_gre", "ip6_gre");
            Guest.Run($"ip addr add {Address}/16 dev {UmlGuest.Port} && ip addr add {Address6}/64 dev {UmlGuest.Port} nodad && cd /proc/sys/net/ipv4/conf && echo 1 >all/arp_ignore && echo 2 >all/arp_announce");
            Guest.Run($"ip addr add {S1Lab.Vip}/32 dev lo && ip addr add {S1Lab.VipV6}/128 dev lo nodad");
            Guest.Run($"ip -6 tunnel change ip6tnl0 mode any && ip fou add port {Decapsulator.GuePort} gue && ip fou add port {Decapsulator.GuePort} gue -6 && echo 0 >all/rp_filter");
            Array.ForEach(s_devices, d => Guest.Run($"ip link set {d} up && echo 0 >{d}/rp_filter"));
            StartServers();
            Upload = Path.Combine(Lab.Folder, "upload");
            File.WriteAllBytes(Upload, RandomNumberGenerator.GetBytes(UploadBytes));
            Hash = Shell.Run($"sha256sum {Upload}").Split(' ')[0];
            Lab.Director.Start();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public S1Lab Lab { get; }

    public UmlGuest Guest { get; } = null!;

    /// <summary>A file and its SHA-256.</summary>
    public string Upload { get; } = "";

    /// <inheritdoc cref="Upload"/>
    public string Hash { get; } = "";

    public void Dispose()
    {
        Guest?.Dispose();
        Lab.Dispose();
    }

    private void StartServers()
    {
        string configuration = Path.Combine(Guest.Folder, "nginx.conf");
        File.WriteAllText(configuration, """
            user root root;
            pid /run/nginx.pid;
            error_log /run/nginx.error;
            events { worker_connections 64; }
            http { access_log off; client_max_body_size 0; client_body_temp_path /run/files;
              server { listen 80; listen [::]:80; location / { alias /run/files/; dav_methods PUT; } } }
            """);
        Guest.Run($"mkdir /run/files && nginx -e /run/nginx.error -c {configuration}");
        Guest.Run($"dnsmasq -C /dev/null -u root -x /run/dnsmasq.pid --no-hosts --no-resolv --bind-interfaces --host-record={HostName},{HostAddress} --listen-address={S1Lab.Vip} --listen-address={S1Lab.VipV6}");
    }
}
