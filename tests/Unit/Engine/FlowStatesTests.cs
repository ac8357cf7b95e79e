using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Unit.Tests.Engine;

public sealed class FlowStatesTests
{
    private const byte SynAck = Wire.Syn | Wire.Ack, FinAck = Wire.Fin | Wire.Ack, RstAck = Wire.Rst | Wire.Ack;

    /// <summary>A life of a flow: who sends what, and the state after it. "new" stands where a SYN opens another flow on the port.</summary>
    [Theory]
    [InlineData("SYN SynReceived, SYN SynReceived, ACK Established, SYN Established, ACK Established, FIN FinWait, ACK FinWait, FIN FinWait, SYN new")]
    [InlineData("ACK Established, RST Close, ACK Close, FIN Close, RST Close, SYN new")]
    [InlineData("SYN SynReceived, RST Close")]
    [InlineData("FIN FinWait, RST Close")]
    [InlineData("RST Close, SYN new")]
    [InlineData("none Close, SYN new")]
    [InlineData("SYN SynReceived, none SynReceived, ACK Established, none Established")]
    public void WhereTheClientAloneIsHeard(string life) => Live(life, twoWay: false);

    /// <summary>As above; what the server sends begins with "s:".</summary>
    [Theory]
    [InlineData("SYN SynReceived, s:SYN SynReceived, ACK Established, FIN CloseWait, s:ACK CloseWait, SYN SynReceived")]
    [InlineData("SYN SynReceived, s:SYN SynReceived, ACK Established, FIN CloseWait, s:FIN TimeWait, ACK TimeWait, s:RST TimeWait, SYN new")]
    [InlineData("ACK Established, s:FIN FinWait, ACK FinWait, s:FIN FinWait, FIN TimeWait, FIN TimeWait, s:FIN TimeWait, s:ACK TimeWait, SYN new")]
    [InlineData("ACK Established, s:FIN FinWait, SYN SynReceived")]
    [InlineData("ACK Established, s:SYN Established, s:RST Close, s:SYN Close, s:FIN Close, SYN new")]
    [InlineData("ACK Established, RST Close, s:ACK Close")]
    [InlineData("SYN SynReceived, s:ACK SynReceived, s:FIN TimeWait, RST Close")]
    [InlineData("SYN SynReceived, FIN TimeWait, SYN new")]
    [InlineData("SYN SynReceived, s:RST Close, SYN new")]
    [InlineData("ACK Established, s:none Established, FIN CloseWait, FIN CloseWait, s:RST Close")]
    public void WhereBothSidesAreHeard(string life) => Live(life, twoWay: true);

    [Theory]
    [InlineData(FlowStates.ClientAlone)]
    [InlineData(FlowStates.Client)]
    [InlineData(FlowStates.Server)]
    public void UdpStaysAsItIs(int direction)
    {
        for (int flags = 0; flags < FlowStates.FlagCount; flags++)
        {
            Assert.Equal(FlowState.Udp, Next(direction, FlowState.Udp, (byte)flags));
        }

        Assert.Equal(FlowState.Udp, FlowStates.First(Wire.Udp, FlowStates.ClientAlone, 0));
    }

    /// <summary>As IPVS counts (tcp_state_active_table; UDP is never active, SCTP when it is established).</summary>
    [Fact]
    public void ActiveIsWhatIpvsCountsAsActive() =>
        Assert.Equal([FlowState.SynReceived, FlowState.Established, FlowState.SctpEstablished], Enum.GetValues<FlowState>().Where(s => FlowStates.IsActive((uint)s)));

    [Fact]
    public void EachStateHasItsPlaceInTheTables() => Assert.All(Enum.GetValues<FlowState>(), s => Assert.InRange((int)s, 0, FlowStates.NumberCount - 1));

    private static void Live(string life, bool twoWay)
    {
        FlowState state = FlowState.None;
        foreach (string[] step in life.Split(", ").Select(s => s.Split(' ')))
        {
            bool server = step[0].StartsWith("s:", StringComparison.Ordinal);
            foreach (byte flags in FlagsOf(step[0][(server ? 2 : 0)..]))
            {
                FlowState next = state == FlowState.None ? FlowStates.First(Wire.Tcp, FlowStates.ClientAlone, flags) : Next(server ? FlowStates.Server : twoWay ? FlowStates.Client : FlowStates.ClientAlone, state, flags);
                Assert.True((step[1] == "new" ? FlowState.None : Enum.Parse<FlowState>(step[1])) == next, $"{step[0]} ({flags:x2}) after {state}: {next}, not {step[1]}");
            }

            state = step[1] == "new" ? FlowState.None : Enum.Parse<FlowState>(step[1]);
        }
    }

    /// <summary>With and without ACK; what decides first goes before the rest; PSH and URG do not count.</summary>
    private static byte[] FlagsOf(string name) => name switch
    {
        "SYN" => [Wire.Syn, SynAck, Wire.Syn | Wire.Fin],
        "FIN" => [Wire.Fin, FinAck],
        "RST" => [Wire.Rst, RstAck, Wire.Rst | Wire.Syn, Wire.Rst | FinAck],
        "ACK" => [Wire.Ack],
        _ => [0],
    };

    private static unsafe FlowState Next(int direction, FlowState state, byte flags)
    {
        byte* table = stackalloc byte[FlowStates.TableCount * FlowStates.TableSize];
        FlowStates.Fill(table);
        return (FlowState)table[(direction * FlowStates.TableSize) + ((int)state * FlowStates.FlagCount) + (flags & FlowStates.FlagMask)];
    }
}
