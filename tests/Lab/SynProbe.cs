using System.Buffers.Binary;
using System.Net;

namespace Forwarder.Lab;

/// <summary>Sends SYNs for S1's VIP to one MAC address again and again, whoever has the VIP; each from another port.</summary>
public sealed class SynProbe : IDisposable
{
    private const int EthernetBytes = 14, IpBytes = 20, TcpBytes = 20, PortMin = 1_024, Ports = 60_000;
    private const string Source = "172.16.200.201";
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <summary>Starts it on port e0 of a namespace.</summary>
    public SynProbe(Netns netns, string mac, int everyMs)
    {
        byte[] frame = Frame([.. mac.Split(':').Select(b => Convert.ToByte(b, 16))]);
        RawPort port = new(netns, "e0");
        _thread = new Thread(() =>
        {
            using (port)
            {
                for (int n = 0; !_stop; n = (n + 1) % Ports)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(EthernetBytes + IpBytes), (ushort)(PortMin + n));
                    port.Send(frame);
                    Thread.Sleep(everyMs);
                }
            }
        }) { IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }

    /// <summary>Its TCP checksum is wrong, so that no server answers; a director in direct routing does not look at it.</summary>
    private static byte[] Frame(byte[] mac)
    {
        byte[] ip = [0x45, 0, 0, IpBytes + TcpBytes, 0, 0, 0x40, 0, 64, 6, 0, 0, .. IPAddress.Parse(Source).GetAddressBytes(), .. IPAddress.Parse(S1Lab.Vip).GetAddressBytes()];
        uint sum = 0;
        for (int i = 0; i < ip.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(i));
        }

        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), (ushort)~((sum & 0xFFFF) + (sum >> 16)));
        byte[] tcp = [0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x10, 0, 0, 0, 0, 0];
        return [.. mac, 2, 0, 0, 0, 0xAA, 2, 0x08, 0, .. ip, .. tcp, 0, 0, 0, 0, 0, 0];
    }
}
