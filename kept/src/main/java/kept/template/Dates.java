package kept.template;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** Formats times with the directives of C's {@code strftime} in the C locale, as Python does on Linux for a time without zone. */
final class Dates {
    private static final String FLAGS = "-_0^#";
    private static final int DAYS = 7;

    private Dates() {}

    static String format(String format, LocalDateTime time, Budget budget) {
        var text = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char sign = format.charAt(i);
            if (sign != '%') {
                text.append(sign);
                continue;
            }
            char flag = 0;
            while (i + 1 < format.length() && FLAGS.indexOf(format.charAt(i + 1)) >= 0) {
                flag = format.charAt(++i);
            }
            if (i + 1 == format.length()) {
                throw TemplateException.unsupported("strftime_now with a % at the end");
            }
            text.append(field(format.charAt(++i), flag, time));
            budget.work(1);
        }
        budget.text(text.length());
        return text.toString();
    }

    private static String field(char letter, char flag, LocalDateTime time) {
        return switch (letter) {
            case 'd' -> number(time.getDayOfMonth(), 2, '0', flag);
            case 'e' -> number(time.getDayOfMonth(), 2, ' ', flag);
            case 'm' -> number(time.getMonthValue(), 2, '0', flag);
            case 'y' -> number(time.getYear() % 100, 2, '0', flag);
            case 'C' -> number(time.getYear() / 100, 2, '0', flag);
            case 'Y' -> number(time.getYear(), 1, '0', flag);
            case 'H' -> number(time.getHour(), 2, '0', flag);
            case 'k' -> number(time.getHour(), 2, ' ', flag);
            case 'I' -> number(hourOfHalf(time), 2, '0', flag);
            case 'l' -> number(hourOfHalf(time), 2, ' ', flag);
            case 'M' -> number(time.getMinute(), 2, '0', flag);
            case 'S' -> number(time.getSecond(), 2, '0', flag);
            case 'f' -> "%06d".formatted(time.getNano() / 1000);
            case 'j' -> number(time.getDayOfYear(), 3, '0', flag);
            case 'w' -> number(time.getDayOfWeek().getValue() % DAYS, 1, '0', flag);
            case 'u' -> number(time.getDayOfWeek().getValue(), 1, '0', flag);
            case 'U' -> number((time.getDayOfYear() + DAYS - 1 - time.getDayOfWeek().getValue() % DAYS) / DAYS, 2, '0', flag);
            case 'W' -> number((time.getDayOfYear() + DAYS - 1 - (time.getDayOfWeek().getValue() + DAYS - 1) % DAYS) / DAYS, 2, '0', flag);
            case 'V' -> number(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2, '0', flag);
            case 'G' -> number(time.get(IsoFields.WEEK_BASED_YEAR), 1, '0', flag);
            case 'g' -> number(time.get(IsoFields.WEEK_BASED_YEAR) % 100, 2, '0', flag);
            case 'B' -> word(time, "MMMM", flag);
            case 'b', 'h' -> word(time, "MMM", flag);
            case 'A' -> word(time, "EEEE", flag);
            case 'a' -> word(time, "EEE", flag);
            case 'p' -> flag == '#' ? (time.getHour() < 12 ? "am" : "pm") : time.getHour() < 12 ? "AM" : "PM";
            case 'P' -> time.getHour() < 12 ? "am" : "pm";
            case 'z', 'Z' -> "";
            case 'n' -> "\n";
            case 't' -> "\t";
            case '%' -> "%";
            default -> composed(letter, time);
        };
    }

    private static String composed(char letter, LocalDateTime time) {
        return switch (letter) {
            case 'c' -> DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss uuuu", Locale.ENGLISH).format(time);
            case 'D', 'x' -> DateTimeFormatter.ofPattern("MM/dd/uu", Locale.ENGLISH).format(time);
            case 'F' -> DateTimeFormatter.ofPattern("uuuu-MM-dd", Locale.ENGLISH).format(time);
            case 'R' -> DateTimeFormatter.ofPattern("HH:mm", Locale.ENGLISH).format(time);
            case 'r' -> DateTimeFormatter.ofPattern("hh:mm:ss a", Locale.ENGLISH).format(time);
            case 'T', 'X' -> DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ENGLISH).format(time);
            default -> throw TemplateException.unsupported("strftime_now with %" + letter);
        };
    }

    private static int hourOfHalf(LocalDateTime time) {
        return (time.getHour() + 11) % 12 + 1;
    }

    private static String number(int value, int width, char usual, char flag) {
        String digits = Integer.toString(value);
        char fill = flag == '_' ? ' ' : flag == '0' ? '0' : usual;
        return flag == '-' ? digits : String.valueOf(fill).repeat(Math.max(0, width - digits.length())) + digits;
    }

    private static String word(LocalDateTime time, String pattern, char flag) {
        String word = DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
        return flag == '^' || flag == '#' ? word.toUpperCase(Locale.ROOT) : word;
    }
}
