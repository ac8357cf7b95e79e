using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Unit.Tests.Engine;

public sealed class SctpStatesTests
{
    /// <summary>A life of an association: who sends what ("s:" the server), and the state after it. "new" stands where an INIT opens another flow.</summary>
    [Theory]
    [InlineData("INIT Init1, s:INIT-ACK CookieSent, COOKIE-ECHO CookieReplied, s:COOKIE-ACK Established, DATA Established, s:DATA Established, SHUTDOWN ShutdownReceived, s:SHUTDOWN-ACK ShutdownAckSent, SHUTDOWN-COMPLETE Closed, INIT new")]
    [InlineData("INIT Init1, INIT Init, s:INIT-ACK CookieSent, INIT CookieSent, COOKIE-ECHO CookieReplied, s:DATA CookieReplied, s:COOKIE-ACK Established, s:SHUTDOWN ShutdownSent, SHUTDOWN-ACK Closed, s:SHUTDOWN-COMPLETE Closed")]
    [InlineData("INIT Init1, s:ABORT Rejected, INIT Init, s:ABORT Closed, s:INIT CookieWait, ABORT Rejected")]
    [InlineData("INIT Init1, s:INIT CookieWait, INIT-ACK Cookie, s:COOKIE-ECHO CookieEchoed, COOKIE-ACK Established, ABORT Closed, DATA Closed, INIT new")]
    [InlineData("DATA Established, INIT Established, s:INIT Established, s:ABORT Closed")]
    [InlineData("DATA Established, SHUTDOWN ShutdownReceived, s:SHUTDOWN ShutdownReceived, SHUTDOWN-ACK ShutdownReceived, s:SHUTDOWN-ACK ShutdownAckSent, SHUTDOWN-ACK Closed")]
    [InlineData("COOKIE-ECHO CookieReplied, s:ERROR Closed")]
    [InlineData("SHUTDOWN-ACK Closed")]
    public void WhereBothSidesAreHeard(string life) => Live(life, FlowStates.Client);

    /// <summary>The client alone: its COOKIE ECHO is the last that is heard of the setup.</summary>
    [Theory]
    [InlineData("INIT Init1, INIT Init, COOKIE-ECHO Established, DATA Established, SHUTDOWN ShutdownReceived, DATA ShutdownReceived, SHUTDOWN-COMPLETE Closed, INIT new")]
    [InlineData("INIT Init1, COOKIE-ECHO Established, SHUTDOWN-ACK Closed, ABORT Closed")]
    [InlineData("INIT-ACK CookieEchoed, COOKIE-ACK Established, ABORT Closed")]
    [InlineData("COOKIE-ECHO Established, INIT Established")]
    [InlineData("ERROR Closed, INIT new")]
    public void WhereTheClientAloneIsHeard(string life) => Live(life, FlowStates.ClientAlone);

    /// <summary>What a chunk is to a flow; an ABORT may come behind COOKIE ECHO and COOKIE ACK.</summary>
    [Theory]
    [InlineData("00000004", SctpEvent.Data)]
    [InlineData("01000014", SctpEvent.Init)]
    [InlineData("02000014", SctpEvent.InitAck)]
    [InlineData("03000010", SctpEvent.Data)]
    [InlineData("06000004", SctpEvent.Abort)]
    [InlineData("0E000004", SctpEvent.ShutdownComplete)]
    [InlineData("0A00000506000004", SctpEvent.CookieEcho)]
    [InlineData("0A000005FF00000006000004", SctpEvent.Abort)]
    [InlineData("0A000005FF000000060000", SctpEvent.CookieEcho)]
    [InlineData("0B00000406000004", SctpEvent.Abort)]
    [InlineData("0B00000306000004", SctpEvent.CookieAck)]
    [InlineData("0700000806000004", SctpEvent.Shutdown)]
    [InlineData("FF000004", SctpEvent.Data)]
    public unsafe void EventsAreReadFromTheChunks(string chunks, byte expected)
    {
        byte[] sctp = [.. new byte[Wire.SctpHeaderBytes], .. Convert.FromHexString(chunks)];
        fixed (byte* at = sctp)
        {
            Assert.Equal(expected, SctpEvent.Of(at, (uint)sctp.Length));
            Assert.Equal(0, expected & ~FlowStates.FlagMask);
        }
    }

    private static unsafe void Live(string life, int direction)
    {
        byte* table = stackalloc byte[FlowStates.TableCount * FlowStates.TableSize];
        FlowStates.Fill(table);
        FlowState state = FlowState.None;
        foreach (string[] step in life.Split(", ").Select(s => s.Split(' ')))
        {
            bool server = step[0].StartsWith("s:", StringComparison.Ordinal);
            byte happens = EventOf(step[0][(server ? 2 : 0)..]);
            int at = FlowStates.DirectionCount + (server ? FlowStates.Server : direction);
            FlowState next = state == FlowState.None
                ? FlowStates.First(Wire.Sctp, at, happens)
                : (FlowState)table[(at * FlowStates.TableSize) + (((int)state & (int)FlowValue.StateMask) * FlowStates.FlagCount) + happens];
            FlowState expected = step[1] == "new" ? FlowState.None : Enum.Parse<FlowState>("Sctp" + step[1]);
            Assert.True(expected == next, $"{step[0]} after {state}: {next}, not {expected}");
            state = next;
        }
    }

    private static byte EventOf(string chunk) => chunk switch
    {
        "DATA" => SctpEvent.Data,
        "INIT" => SctpEvent.Init,
        "INIT-ACK" => SctpEvent.InitAck,
        "COOKIE-ECHO" => SctpEvent.CookieEcho,
        "COOKIE-ACK" => SctpEvent.CookieAck,
        "SHUTDOWN" => SctpEvent.Shutdown,
        "SHUTDOWN-ACK" => SctpEvent.ShutdownAck,
        "SHUTDOWN-COMPLETE" => SctpEvent.ShutdownComplete,
        "ERROR" => SctpEvent.Error,
        _ => SctpEvent.Abort,
    };
}
