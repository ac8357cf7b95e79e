using System.Globalization;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>A classic LVS director on the lab's LAN: Debian's keepalived with the kernel's IPVS (direct routing), in user-mode Linux.</summary>
public sealed class LvsHost : IDisposable
{
    public const string Mac = "02:00:00:00:00:03", Address = "172.16.58.3";

    private readonly UmlGuest _guest;

    public LvsHost(S1Lab lab)
    {
        _guest = new UmlGuest(lab.Switch, "lvs", Mac, lab.Folder, "nf_conntrack", "ip_vs", "ip_vs_wlc");
        _guest.Run($"ip addr add {Address}/16 dev {UmlGuest.Port}");
    }

    /// <summary>What keepalived said.</summary>
    public string Log => _guest.IsRunning ? _guest.Try("cat /run/ka.log").Output : "";

    /// <summary>The kernel's own table.</summary>
    public string Table => _guest.Run("ipvsadm -L -n");

    /// <summary>It has the VIP on its port.</summary>
    public bool HasVip => _guest.Run($"ip addr show dev {UmlGuest.Port}").Contains($" {S1Lab.Vip}/", StringComparison.Ordinal);

    /// <summary>Starts keepalived with a VRRP version 3 instance of this priority, and web and UDP service on the VIP.</summary>
    public void Start(int priority, int intervalCs, int udpPort)
    {
        File.WriteAllText(Path.Combine(_guest.Folder, "ka.conf"), Configuration(priority, intervalCs, udpPort));
        _guest.Run($"setsid keepalived -n -l -D -f {_guest.Folder}/ka.conf --pid /run/ka.pid --vrrp_pid /run/kav.pid --checkers_pid /run/kac.pid >/run/ka.log 2>&1 &");
        Wait.Until(() => Table.Split('\n').Count(l => l.Contains(" Route ", StringComparison.Ordinal)) == 4, "keepalived has its real servers in the kernel's table");
    }

    /// <summary>SIGTERM: it resigns.</summary>
    public void Stop() => _guest.Run("kill -TERM $(cat /run/ka.pid)");

    /// <summary>The power fails.</summary>
    public void Kill() => _guest.Kill();

    public void Dispose() => _guest.Dispose();

    private static string Configuration(int priority, int intervalCs, int udpPort) => $$"""
        global_defs {
          router_id lvs
          vrrp_version 3
          vrrp_garp_master_delay 1
        }
        vrrp_instance V {
          state BACKUP
          interface {{UmlGuest.Port}}
          virtual_router_id 51
          priority {{priority}}
          advert_int {{(intervalCs / 100.0).ToString(CultureInfo.InvariantCulture)}}
          virtual_ipaddress {
            {{S1Lab.Vip}}/32
          }
        }
        {{Service("TCP", 80, "TCP_CHECK {\n connect_timeout 1\n }")}}
        {{Service("UDP", udpPort, "")}}
        """;

    private static string Service(string protocol, int port, string check) => $$"""
        virtual_server {{S1Lab.Vip}} {{port}} {
          delay_loop 1
          lb_algo wlc
          lb_kind DR
          protocol {{protocol}}
          {{Server(7)}}
          {{Server(8)}}
        }
        """.Replace("CHECK", check, StringComparison.Ordinal).Replace("PORT", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static string Server(int host) => $"real_server 172.16.58.{host} PORT {{\n weight 1\n CHECK\n }}";
}
