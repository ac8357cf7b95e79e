namespace Forwarder.Fuzz.Tests;

/// <summary>States of an SCTP flow as IPVS has them, as lists of what changes; all else leaves a state as it is, and opens a flow as "open".</summary>
public static class SctpReading
{
    public const int Protocol = 132, Init = 1;

    /// <summary>By type of chunk: from any of the states on the left to that on the right; "new" is a flow's first packet.</summary>
    private static readonly Dictionary<int, string> s_ofClient = new()
    {
        [1] = "new>init1 init1,init,rejected,closed>init",
        [2] = "new,init1,init>c-wait c-wait>cookie",
        [10] = "new,c-sent>c-replied init1>init",
        [11] = "c-echoed>open",
        [7] = "new,open>s-received",
        [8] = "new,s-sent,s-ack-sent>closed init1>init",
        [14] = "new,init1,init,s-ack-sent>closed",
        [9] = "new,c-echoed>closed",
        [6] = "c-wait>rejected *>closed",
    };

    private static readonly Dictionary<int, string> s_ofClientAlone = new()
    {
        [0] = "c-wait>open",
        [1] = "new>init1 init1,init,c-sent,c-replied,c-wait,rejected,closed>init",
        [2] = "new,init1,init,c-sent,c-replied,c-wait>c-echoed",
        [10] = "init1,init,c-sent,c-replied,c-wait>open",
        [11] = "c-sent,c-replied,cookie,c-echoed>open",
        [7] = "new,open>s-received",
        [8] = "new,open,s-sent,s-ack-sent>closed init1>init",
        [14] = "new,init1,init,c-sent,c-replied,s-received,s-ack-sent>closed",
        [9] = "new>closed",
        [6] = "c-wait>rejected *>closed",
    };

    private static readonly Dictionary<int, string> s_ofServer = new()
    {
        [1] = "open>open *>c-wait",
        [2] = "init1,init>c-sent",
        [10] = "init1,init,c-sent,c-replied,c-wait,cookie>c-echoed",
        [11] = "init1,init,c-sent,c-replied,c-wait,cookie,c-echoed>open",
        [7] = "init1,init,c-sent,c-replied,c-wait,cookie,c-echoed,open>s-sent",
        [8] = "init1,init,c-sent,c-replied,s-sent,s-received>s-ack-sent",
        [9] = "init1,init,c-sent,c-replied>closed",
        [6] = "init1>rejected *>closed",
    };

    /// <summary>Directions: the client's where both are heard, or it alone; the server's.</summary>
    public static IReadOnlyDictionary<int, string> Client => s_ofClient;

    public static IReadOnlyDictionary<int, string> Alone => s_ofClientAlone;

    public static IReadOnlyDictionary<int, string> Server => s_ofServer;

    /// <summary>The next state; "" is none.</summary>
    public static string Next(IReadOnlyDictionary<int, string> direction, string state, int chunk)
    {
        int type = chunk is 1 or 2 or 6 or 7 or 8 or 9 or 10 or 11 or 14 ? chunk : 0;
        string now = state == "" ? "new" : state;
        foreach (string[] rule in direction.GetValueOrDefault(type, "").Split(' ').Select(r => r.Split('>')))
        {
            if (rule[0] == "*" || rule[0].Split(',').Contains(now))
            {
                return rule[1];
            }
        }

        return state == "" ? "open" : state;
    }

    /// <summary>CRC32c bit by bit (RFC 9260 appendix A); the checksum field counts as 0.</summary>
    public static uint Crc(ReadOnlySpan<byte> sctp)
    {
        uint crc = uint.MaxValue;
        for (int i = 0; i < sctp.Length; i++)
        {
            crc ^= i is >= 8 and < 12 ? 0u : sctp[i];
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }
}
