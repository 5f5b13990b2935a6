using StragglerGuard.Core.Policy;

namespace StragglerGuard.Core.Tests.Policy;

public sealed class MitigationOptionsTests
{
    [Fact]
    public void FindFaults_OfTheDefaults_AreNone() => new MitigationOptions().FindFaults().Should().BeEmpty();

    [Fact]
    public void FindFaults_EveryOptionOutOfRange_NamesThemAllAtOnce()
    {
        var options = new MitigationOptions
        {
            MinGain = double.NaN,
            HorizonSeconds = 0,
            CoolDownSteps = -1,
            BrakeShare = 1.1,
            DestructiveBrakeShare = 0,
            EvictionsPerHour = -1,
            FloorShare = 2,
            FloorMembers = 0,
            ProbationSeconds = -1,
            ProbationMaxSeconds = -2,
            FlapSeconds = double.NaN,
            ForgiveSeconds = double.PositiveInfinity,
            RestSeconds = double.NaN,
            RestMaxSeconds = -1,
            MinTail = -1,
            AlwaysLateShare = 0,
            SettleFrames = -1,
            GradeFramesMin = 3,
            GradeFrames = 2,
            TailGradeFrames = 2_000,
            GradeSigmas = 11,
            RealisedShare = -0.1,
        };
        var numbers = typeof(MitigationOptions).GetProperties().Where(property => property.PropertyType != typeof(bool)).Select(property => property.Name).ToList();

        var faults = options.FindFaults();

        faults.Select(fault => fault.Split(' ')[0]).Should().Equal(numbers);
    }

    [Fact]
    public void FindFaults_DestructiveBrakeAboveTheBrake_IsAFault() =>
        new MitigationOptions { BrakeShare = 0.2 }.FindFaults().Should().Equal("DestructiveBrakeShare = 0.3 is not above 0 and at most BrakeShare = 0.2");

    [Fact]
    public void Constructors_WithAFaultyOption_ThrowNamingIt()
    {
        var options = new MitigationOptions { MinGain = 2, RestSeconds = -1 };
        Action[] makers =
        [
            () => _ = new MitigationPolicy(options), () => _ = new Probation(options), () => _ = new RestingKinds(options), () => _ = new PlanGrader(options),
        ];
        foreach (var make in makers)
        {
            make.Should().Throw<ArgumentException>().WithMessage("*MinGain = 2*RestSeconds = -1*");
        }
    }
}
