using System.Diagnostics;

namespace Forwarder.Control.Tests;

/// <summary>Programs of the operator that do not end as they should.</summary>
public sealed class ChildProgramTests
{
    private static readonly string[] s_sleep = ["/bin/sleep", "60"];

    /// <summary>A child of it may run as another user, whom this process may not kill.</summary>
    [Fact]
    public async Task WhatCannotBeKilledIsSaid()
    {
        ChildProgram.Outcome outcome = await ChildProgram.RunAsync(s_sleep, null, 100, kill: p => Fail(p, new AggregateException(new System.ComponentModel.Win32Exception(1))));
        Assert.Equal((false, "runs for longer than 100 ms and cannot be killed: Operation not permitted"), (outcome.IsGood, outcome.Detail));
    }

    [Theory]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(System.ComponentModel.Win32Exception))]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(UnauthorizedAccessException))]
    public async Task NoFailureToKillIsThrown(Type failure)
    {
        ChildProgram.Outcome outcome = await ChildProgram.RunAsync(s_sleep, null, 100, kill: p => Fail(p, (Exception)Activator.CreateInstance(failure)!));
        Assert.False(outcome.IsGood);
        Assert.Contains("cannot be killed", outcome.Detail, StringComparison.Ordinal);
    }

    private static void Fail(Process process, Exception failure)
    {
        process.Kill();
        throw failure;
    }
}
