//! Names in Latin letters, as the documents of a language have them: the stuff that user names are made of (I15).

/// By whose rules Cyrillic letters are written in Latin ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    /// Resolution 55 of the Cabinet of Ministers of Ukraine of 27 January 2010.
    Kmu55,
    /// ICAO Doc 9303, part 3, section 6.
    Icao9303,
}

impl Standard {
    /// That of a form in this language (ISO 639-1).
    pub(crate) fn of(language: &str) -> Self {
        if language == "uk" { Self::Kmu55 } else { Self::Icao9303 }
    }
}

/// The text in small Latin letters; everything that is no letter falls out.
pub(crate) fn transliterate(text: &str, standard: Standard) -> String {
    let letters: Vec<char> = text.to_lowercase().chars().collect();
    let mut latin = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| letters.get(before)).copied();
        let begins = !before.is_some_and(|before| before.is_alphabetic() || is_apostrophe(before));
        let written = match standard {
            Standard::Kmu55 => ukrainian(*letter, before, begins).or_else(|| russian(*letter)),
            Standard::Icao9303 => russian(*letter).or_else(|| ukrainian(*letter, before, begins)),
        };
        match written {
            Some(written) => latin.push_str(written),
            None => latin.extend(without_mark(*letter)),
        }
    }
    latin
}

const fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '\u{2019}' | '\u{2BC}')
}

/// The marks of Polish letters, and of a few neighbours, fall away.
const fn without_mark(letter: char) -> Option<char> {
    Some(match letter {
        'a'..='z' => letter,
        'ą' | 'á' | 'ä' | 'à' | 'â' => 'a',
        'ć' | 'č' | 'ç' => 'c',
        'ď' => 'd',
        'ę' | 'é' | 'è' | 'ě' | 'ë' | 'ê' => 'e',
        'í' | 'î' | 'ï' => 'i',
        'ł' => 'l',
        'ń' | 'ñ' | 'ň' => 'n',
        'ó' | 'ö' | 'ô' => 'o',
        'ř' => 'r',
        'ś' | 'š' => 's',
        'ť' => 't',
        'ú' | 'ü' | 'ů' | 'û' => 'u',
        'ý' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ => return None,
    })
}

/// The letters that resolution 55 has: some are written otherwise where a word begins, and зг is zgh, not to be read as ж.
const fn ukrainian(letter: char, before: Option<char>, begins: bool) -> Option<&'static str> {
    Some(match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => {
            if matches!(before, Some('з')) {
                "gh"
            } else {
                "h"
            }
        }
        'ґ' => "g",
        'д' => "d",
        'е' => "e",
        'є' if begins => "ye",
        'є' => "ie",
        'ж' => "zh",
        'з' => "z",
        'ї' if begins => "yi",
        'й' if begins => "y",
        'и' => "y",
        'і' | 'ї' | 'й' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ь' => "",
        'ю' if begins => "yu",
        'ю' => "iu",
        'я' if begins => "ya",
        'я' => "ia",
        _ => return None,
    })
}

/// The letters that Russian has, as machine-readable documents write them.
const fn russian(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'й' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' => "ie",
        'ы' => "y",
        'ь' => "",
        'ю' => "iu",
        'я' => "ia",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, language: &str) -> String {
        transliterate(text, Standard::of(language))
    }

    /// Rule I15.b: the resolution's own examples, one for each line of its table that is not a single letter for a single letter.
    #[test]
    fn ukrainian_is_written_by_resolution_55() {
        let examples = [
            ("Алушта", "alushta"),
            ("Борщагівка", "borshchahivka"),
            ("Гадяч", "hadiach"),
            ("Ґалаґан", "galagan"),
            ("Єнакієве", "yenakiieve"),
            ("Короп'є", "koropie"),
            ("Житомир", "zhytomyr"),
            ("Згорани", "zghorany"),
            ("Розгон", "rozghon"),
            ("Їжакевич", "yizhakevych"),
            ("Кадиївка", "kadyivka"),
            ("Йосипівка", "yosypivka"),
            ("Стрий", "stryi"),
            ("Русь", "rus"),
            ("Харків", "kharkiv"),
            ("Стецько", "stetsko"),
            ("Гоща", "hoshcha"),
            ("Юрій", "yurii"),
            ("Крюківка", "kriukivka"),
            ("Ярошенко", "yaroshenko"),
            ("Знам'янка", "znamianka"),
            ("Нечуй-Левицький", "nechuilevytskyi"),
        ];
        for (name, latin) in examples {
            assert_eq!(written(name, "uk"), latin, "{name}");
        }
        assert_eq!(written("Олександр Ясенюк", "uk"), "oleksandryaseniuk", "each word begins anew");
    }

    /// Rule I15.b: Russian as passports have it.
    #[test]
    fn russian_is_written_as_in_passports() {
        for (name, latin) in [
            ("Щербаков", "shcherbakov"),
            ("Семён", "semen"),
            ("Подъячев", "podieiachev"),
            ("Юлия", "iuliia"),
            ("Эльвира", "elvira"),
            ("Цыганков", "tsygankov"),
            ("Гольдберг", "goldberg"),
        ] {
            assert_eq!(written(name, "ru"), latin, "{name}");
        }
        assert_eq!((written("Григорій", "ru"), written("Григорий", "uk")), ("grigorii".to_owned(), "hryhoryi".to_owned()));
        assert_eq!(written("Їжак", "pl"), "yizhak", "letters that Russian has not are Ukrainian");
    }

    /// Rule I15.b: Polish letters lose their marks.
    #[test]
    fn polish_letters_lose_their_marks() {
        assert_eq!(written("Zażółć gęślą jaźń", "pl"), "zazolcgeslajazn");
        assert_eq!(written("Łukasz O'Neil-Wójcik 3rd", "pl"), "lukaszoneilwojcikrd");
        assert_eq!(written("日本", "en"), "");
    }
}
