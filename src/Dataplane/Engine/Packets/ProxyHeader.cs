using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The header of the PROXY protocol, version 2 (section 2.2 of its specification): signature, command PROXY, addresses and ports as the
/// client's packet has them. Its size is even, so that sums over what follows stay as they are.
/// </summary>
internal static unsafe class ProxyHeader
{
    private const int FixedBytes = 16, Addresses4Bytes = 12, Addresses6Bytes = 36;

    private const ulong SignatureStart = 0x510A_0D00_0A0D_0A0D; // \r\n\r\n\0\r\nQUIT\n, as loaded

    private const uint SignatureEnd = 0x0A54_4955, VersionAndProxy = 0x21, Inet = 0x10, Inet6 = 0x20, Stream = 1, Datagram = 2;

    /// <summary>Bytes of the header of a client of this IP version.</summary>
    public static uint Bytes(int ipVersion) => FixedBytes + (ipVersion == 4 ? (uint)Addresses4Bytes : Addresses6Bytes);

    /// <summary>Puts the header between a client's TCP or UDP header and its data. All headers move to the front: mbufs have room there.</summary>
    public static void Insert(Burst* burst, int i, byte* ip, byte* l4, byte protocol)
    {
        int bytes = (int)Bytes(ip[0] >> 4);
        byte* frame = (byte*)burst->Frame[i], data = l4 + (protocol == Wire.Udp ? Wire.UdpBytes : Tcp.HeaderBytes(l4));
        new ReadOnlySpan<byte>(frame, (int)(data - frame)).CopyTo(new Span<byte>(frame - bytes, (int)(data - frame)));
        (burst->Frame[i], burst->Length[i]) = ((ulong)(frame - bytes), burst->Length[i] + (uint)bytes);
        burst->Moved |= 1u << i;
        byte* header = data - bytes;
        Write(header, ip - bytes, l4 - bytes, protocol);
        ulong sum = Checksum.Sum(header, bytes);
        if (protocol == Wire.Udp)
        {
            Udp.Grow(ip - bytes, l4 - bytes, bytes, sum);
        }
        else
        {
            Tcp.Grow(ip - bytes, l4 - bytes, bytes, sum);
        }
    }

    private static void Write(byte* header, byte* ip, byte* l4, byte protocol)
    {
        bool v4 = (ip[0] >> 4) == 4;
        *(ulong*)header = SignatureStart;
        *(uint*)(header + 8) = SignatureEnd;
        *(uint*)(header + 12) = VersionAndProxy | (((v4 ? Inet : Inet6) | (protocol == Wire.Udp ? Datagram : Stream)) << 8) | ((uint)Wire.Swap(v4 ? (ushort)Addresses4Bytes : (ushort)Addresses6Bytes) << 16);
        byte* addresses = header + FixedBytes, from = ip + (v4 ? 12 : 8);
        int addressBytes = v4 ? 8 : 32;
        new ReadOnlySpan<byte>(from, addressBytes).CopyTo(new Span<byte>(addresses, addressBytes));
        *(uint*)(addresses + addressBytes) = *(uint*)l4; // both ports
    }
}
