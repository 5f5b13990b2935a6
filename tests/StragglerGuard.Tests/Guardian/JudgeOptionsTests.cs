using System.Globalization;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Fabric;
using StragglerGuard.Guardian;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Guardian;

public sealed class JudgeOptionsTests
{
    /// <summary>Both ends of the range of every number, in JSON.</summary>
    public static TheoryData<string> Extremes
    {
        get
        {
            var data = new TheoryData<string>();
            foreach (OptionKey key in OptionTable.Root.Settings)
            {
                if (key.Option is NumberOptionAttribute range)
                {
                    foreach (double end in new[] { range.Minimum, range.Maximum })
                    {
                        string value = end.ToString("0.######", CultureInfo.InvariantCulture);
                        string[] path = key.Path.Split('.');
                        data.Add(string.Concat(path.Select(name => $"{{\"{name}\":")) + value + new string('}', path.Length));
                    }
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Extremes))]
    public void Judge_WithAnOptionAtTheEndOfItsRange_IsMade(string json)
    {
        OptionsOutcome outcome = OptionsReader.ReadText(json);
        outcome.Errors.Should().BeEmpty();

        Action make = () =>
        {
            var judge = new JobJudge(Enrollment(0), new ModeSchedule(PolicyMode.Act), outcome.Options!);
            judge.Enroll(Enrollment(1)).Should().BeTrue();
        };

        make.Should().NotThrow("what the options allow, the judge takes");
    }

    private static RankEnrollment Enrollment(int rank) => new(
        new JobId("job"), new Generation(0), new Rank(rank), WorldSize: 2, new WorkerId(new NodeId("node"), $"GPU-{rank}"),
        new DeviceClass("H100"), Stage: 0, TotalMicroBatches: 8, MicroBatchesMin: 1, MicroBatchesMax: 8);
}
