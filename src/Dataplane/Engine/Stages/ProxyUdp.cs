using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>The PROXY protocol's header before each datagram of a client. Answers have none.</summary>
internal static unsafe class ProxyUdp
{
    /// <summary>A datagram before it is translated. False if it has been dropped or refused.</summary>
    public static bool TryToServer(Burst* burst, int i, ServerEntry* server, ServiceEntry* service, ref uint ipBytes)
    {
        uint bytes = ProxyHeader.Bytes(service->IpVersion);
        if (((burst->Fragments >> i) & 1) != 0)
        {
            burst->Drop(i, DropReason.FragmentClientAddress); // the others would have to move by what is no multiple of eight
            return false;
        }

        if (ipBytes + bytes > server->MtuBytes)
        {
            burst->Refuse(i, DropReason.TooBig, server->MtuBytes - bytes);
            return false;
        }

        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        ProxyHeader.Insert(burst, i, ip, ip + (burst->Path[i] == PacketPath.Ipv4 ? (ip[0] & 0xF) * 4 : burst->L4Offset[i]), Wire.Udp);
        ipBytes += bytes;
        return true;
    }
}
