namespace Forwarder.Lab;

/// <summary>A real server: nginx in a namespace, with the VIPs on its loopback, which it keeps to itself (arp_ignore, arp_announce).</summary>
public sealed class RealServerHost
{
    private readonly string _folder;

    internal RealServerHost(string name, string address, string addressV6, int weight, Netns netns, string folder)
    {
        (Name, Address, AddressV6, Weight, Netns, _folder) = (name, address, addressV6, weight, netns, folder);
    }

    /// <summary>What its pages say.</summary>
    public string Name { get; }

    /// <summary>RIP.</summary>
    public string Address { get; }

    /// <summary>RIP, IPv6.</summary>
    public string AddressV6 { get; }

    /// <summary>Weight in scenario S1.</summary>
    public int Weight { get; }

    /// <summary>Its namespace; the port to the switch is e0.</summary>
    public Netns Netns { get; }

    /// <summary>Port where nginx wants the PROXY protocol's header.</summary>
    public const int ProxyPort = 82;

    /// <summary>What nginx has read in such headers, a line for each request: client and its port, VIP and its port.</summary>
    public string ProxyLog => Path.Combine(_folder, $"{Name}.proxied");

    /// <summary>Folder of files that nginx gives and takes (GET and PUT) under /files/.</summary>
    public string Files => Path.Combine(_folder, $"{Name}.files");

    internal void StartNginx()
    {
        Directory.CreateDirectory(Files);
        string path = Path.Combine(_folder, $"{Name}.conf");
        File.WriteAllText(path, $$"""
            user root root;
            worker_processes 1;
            pid {{_folder}}/{{Name}}.pid;
            error_log {{_folder}}/{{Name}}.error;
            events { worker_connections 16384; }
            http {
              access_log off;
              client_max_body_size 0;
              client_body_temp_path {{Files}};
              keepalive_requests 1000000;
              log_format proxied "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
              server { listen {{ProxyPort}} proxy_protocol; listen [::]:{{ProxyPort}} proxy_protocol; access_log {{ProxyLog}} proxied; location / { return 200 "{{Name}}\n"; } }
              server { listen 80; listen [::]:80; default_type text/plain; location / { return 200 "{{Name}}\n"; } location /echo/ { return 200 "$uri"; } location /files/ { alias {{Files}}/; dav_methods PUT; } location = /client { return 200 "$remote_addr"; } }
            }
            """);
        Netns.Run($"nginx -e {_folder}/{Name}.error -c {path}");
    }
}
